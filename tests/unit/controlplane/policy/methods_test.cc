#include "controlplane/policy/methods.h"

#include <string>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::policy;
using config::MethodSet;
using config::PassedMethod;

TEST_GROUP(Methods) {};

TEST(Methods, a_method_passes_where_both_sides_let_it) {
    config::ControlView view;
    view.realms.resize(2);
    view.realms[1].methods = {};
    view.realms[1].methods.add(PassedMethod::kMessage);
    view.realms[0].pass_unknown_methods = true;
    const auto methods = methods_between(view, 0, 1);
    LONGS_EQUAL(0, refusal(methods, sip::Method::kMessage));
    LONGS_EQUAL(405, refusal(methods, sip::Method::kPublish));
    LONGS_EQUAL(405, refusal(methods, sip::Method::kRegister));
    LONGS_EQUAL(501, refusal(methods, sip::Method::kOther));
    view.realms[1].pass_unknown_methods = true;
    LONGS_EQUAL(0, refusal(methods_between(view, 1, 0), sip::Method::kOther));
}

TEST(Methods, allow_says_what_passes_and_options_always) {
    const AllowTexts texts;
    STRCMP_EQUAL("INVITE, ACK, BYE, CANCEL, OPTIONS", std::string(texts.of({})).c_str());
    MethodSet some;
    some.add(PassedMethod::kOptions);
    some.add(PassedMethod::kPublish);
    STRCMP_EQUAL("INVITE, ACK, BYE, CANCEL, OPTIONS, PUBLISH", std::string(texts.of(some)).c_str());
    for (const auto name : config::kPassedMethodNames) CHECK_TRUE(texts.of(MethodSet::all()).contains(name));
}
