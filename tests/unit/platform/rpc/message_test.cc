#include "platform/rpc/message.h"

#include <string>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::rpc;

namespace {

int code_of(const std::string& line) {
    const auto message = parse_message(line);
    CHECK_TEXT(!message, line.c_str());
    return message.error().error.code;
}

}  // namespace

TEST_GROUP(Message) {};

TEST(Message, ARequestIsReadAsItWasWritten) {
    Request request{.id = 7, .notification = false, .method = "show", .params = json::Value(Json::objectValue)};
    request.params["what"] = "calls";
    const auto parsed = parse_message(write_request(request));
    CHECK(parsed.has_value());
    const auto& read = std::get<Request>(*parsed);
    CHECK_EQUAL(7U, read.id);
    CHECK(!read.notification);
    STRCMP_EQUAL("show", read.method.c_str());
    CHECK(read.params == request.params);
}

TEST(Message, ANotificationHasNoIdAndParamsMayBeAbsent) {
    const auto parsed = parse_message(R"({"jsonrpc":"2.0","method":"x"})");
    CHECK(std::get<Request>(*parsed).notification);
    CHECK(std::get<Request>(*parsed).params.isObject());
}

TEST(Message, AResultCarriesItsDescriptorCount) {
    const auto parsed = parse_message(write_result(3, "yes", 2));
    const auto& response = std::get<Response>(*parsed);
    CHECK_EQUAL(3U, response.id);
    CHECK_EQUAL(2U, response.descriptors);
    CHECK(*response.outcome == "yes");
}

TEST(Message, AnErrorCarriesCodeMessageAndData) {
    Error error{.code = kNotRunning, .message = "control plane is not running", .data = {}};
    error.data["since-ms"] = 3;
    const auto parsed = parse_message(write_error(9, error));
    const auto& outcome = std::get<Response>(*parsed).outcome;
    CHECK(!outcome);
    CHECK_EQUAL(-32001, outcome.error().code);
    CHECK_EQUAL(3, outcome.error().data["since-ms"].asInt());
    CHECK(std::get<Response>(*parse_message(write_error(std::nullopt, error))).for_unknown);
}

TEST(Message, WhatIsNoMessageIsSaidByItsCode) {
    CHECK_EQUAL(kParseError, code_of(""));
    CHECK_EQUAL(kParseError, code_of("{"));
    CHECK_EQUAL(kParseError, code_of(std::string(5000, '[')));
    CHECK_EQUAL(kInvalidRequest, code_of("[]"));
    CHECK_EQUAL(kInvalidRequest, code_of("7"));
    CHECK_EQUAL(kInvalidRequest, code_of("{}"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"1.0","id":1,"method":"x"})"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":2.0,"id":1,"method":"x"})"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"2.0","id":1,"method":7})"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"2.0","id":1,"method":""})"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"2.0","id":1,"method":")" + std::string(65, 'm') + "\"}"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"2.0","id":-1,"method":"x"})"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"2.0","id":1.5,"method":"x"})"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"2.0","id":"1","method":"x"})"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"2.0","id":null,"method":"x"})"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"2.0","id":99999999999999999999,"method":"x"})"));
    CHECK_EQUAL(kInvalidParams, code_of(R"({"jsonrpc":"2.0","id":1,"method":"x","params":[1]})"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":"m"}})"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"m"}})"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"2.0","id":1,"error":7})"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"2.0","id":1,"result":1,"descriptors":-1})"));
    CHECK_EQUAL(kInvalidRequest, code_of(R"({"jsonrpc":"2.0","id":1,"result":1,"descriptors":300})"));
}

TEST(Message, ABadRequestIsAnsweredUnderItsIdWhenItHadOne) {
    CHECK(parse_message(R"({"jsonrpc":"2.0","id":5,"method":"x","params":1})").error().id == 5U);
    CHECK(!parse_message("garbage").error().id.has_value());
}
