// Fills protobuf messages by reflection, so that a converter's test fails when a field is forgotten.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/text.h"

namespace gofarm::wire {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Sets every field of `message`, also of the messages in it, to a value that no other field has. Lists get two items.
inline void FillAll(Message& message, int& next) {
  const Descriptor& type = *message.GetDescriptor();
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* const field = type.field(i);
    for (int item = 0; item < (field->is_repeated() ? 2 : 1); ++item) {
      const int value = ++next;
      switch (field->cpp_type()) {
#define GOFARM_FILL(CPPTYPE, Type, value)           \
  case FieldDescriptor::CPPTYPE:                    \
    if (field->is_repeated()) {                     \
      reflection.Add##Type(&message, field, value); \
    } else {                                        \
      reflection.Set##Type(&message, field, value); \
    }                                               \
    break;
        GOFARM_FILL(CPPTYPE_INT32, Int32, value)
        GOFARM_FILL(CPPTYPE_INT64, Int64, value)
        GOFARM_FILL(CPPTYPE_DOUBLE, Double, value)
        GOFARM_FILL(CPPTYPE_BOOL, Bool, true)
        GOFARM_FILL(CPPTYPE_STRING, String, Cat("text ", value))
        GOFARM_FILL(CPPTYPE_ENUM, EnumValue, 1 + value % (field->enum_type()->value_count() - 1))
#undef GOFARM_FILL
        case FieldDescriptor::CPPTYPE_MESSAGE:
          FillAll(field->is_repeated() ? *reflection.AddMessage(&message, field)
                                       : *reflection.MutableMessage(&message, field),
                  next);
          break;
        default:
          ADD_FAILURE() << field->full_name() << " is of a type that this test does not fill";
      }
    }
  }
}

// Empty when the two are equal.
inline std::string DifferenceOf(const Message& a, const Message& b) {
  google::protobuf::util::MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  return differencer.Compare(a, b) ? "" : differences + " ";
}

}  // namespace gofarm::wire
