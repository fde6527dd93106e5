// A program that is nothing but the parser's child process.
#include "common/godetect/parser_child.h"

int main(int argc, char** argv) { return gofarm::godetect::RunParserChild(argc, argv); }
