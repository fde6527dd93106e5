#include "common/wire/report.h"

#include <gofarm/v1/worker.pb.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Sets every field of `message`, also of the messages in it, to a value that no other field has. Lists get two items.
void FillAll(Message& message, int& next) {
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

TEST(ReportTest, NoFieldIsForgottenOnTheWayToTheVocabularyAndBack) {
  v1::CompleteRequest sent;
  int values = 0;
  FillAll(sent, values);
  ASSERT_GT(values, 80) << "every field of every message in it";
  v1::CompleteRequest back;
  back.set_token(sent.token());
  back.set_job_id(sent.job_id());
  ToProto(ReportFromProto(sent), back);
  google::protobuf::util::MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  EXPECT_TRUE(differencer.Compare(sent, back)) << differences;
}

TEST(ReportTest, ValuesOutsideOfTheirSetsArriveForTheRuleToJudge) {
  v1::CompleteRequest sent;
  sent.set_outcome(static_cast<v1::AttemptOutcome>(50));
  sent.add_phases()->set_phase(static_cast<v1::Phase>(-3));
  const AttemptReport report = ReportFromProto(sent);
  EXPECT_EQ(static_cast<int>(report.outcome), 50);
  EXPECT_EQ(static_cast<int>(report.phases.at(0).phase), -3);
}

}  // namespace
}  // namespace gofarm::wire
