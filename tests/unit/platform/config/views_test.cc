#include "platform/config/views.h"

#include <string>

#include "platform/config/effective.h"

#include <CppUTest/TestHarness.h>

namespace config = sallyport::config;
using sallyport::json::Value;

namespace {

constexpr const char* kDocument = R"({
  "interfaces": {
    "access": {"port": "net_null0", "address": "192.0.2.1/24", "gateway": "192.0.2.254"},
    "core": {"port": "net_null1", "address": "198.51.100.1/24"}
  },
  "trunks": {"pbx": {"sip-interface": "access", "peers": ["192.0.2.10:5060"]}},
  "routes": [{"name": "in", "from": {"realm": "core"}, "to": {"trunk": "pbx"}}]
})";

}  // namespace

TEST_GROUP(Views) {
    config::Effective effective = config::make_effective(kDocument).value();
    std::string control_error(const Value& v) {
        const auto back = config::control_view_from_json(v);
        return back ? "accepted" : back.error();
    }
    std::string dataplane_error(const Value& v) {
        const auto back = config::dataplane_view_from_json(v);
        return back ? "accepted" : back.error();
    }
};

TEST(Views, implicit_realms_and_sip_interfaces_follow_the_interfaces) {
    LONGS_EQUAL(2, effective.control.realms.size());
    LONGS_EQUAL(2, effective.control.sip_interfaces.size());
    const auto& access = effective.control.sip_interfaces[0];
    STRCMP_EQUAL("access", access.name.c_str());
    STRCMP_EQUAL("access", access.device.c_str());
    STRCMP_EQUAL("192.0.2.1:5060", access.local.text().c_str());
    CHECK(effective.control.realms[0].trust == config::Trust::kUntrusted);
    LONGS_EQUAL(20000, effective.dataplane.realms[1].media_ports.first);
    STRCMP_EQUAL("198.51.100.1", effective.dataplane.realms[1].media_addresses.at(0).text().c_str());
}

TEST(Views, both_views_number_the_realms_alike) {
    LONGS_EQUAL(effective.control.realms.size(), effective.dataplane.realms.size());
    for (std::size_t i = 0; i < effective.control.realms.size(); ++i)
        STRCMP_EQUAL(effective.control.realms[i].name.c_str(), effective.dataplane.realms[i].name.c_str());
    LONGS_EQUAL(1, effective.control.routes.at(0).from_realm.value());
}

TEST(Views, a_reader_refuses_a_key_that_it_does_not_know) {
    Value v = config::to_json(effective.control);
    v["trunks"][0]["colour"] = "red";
    STRCMP_EQUAL("view/trunks has a key that this build does not know", control_error(v).c_str());
}

TEST(Views, a_reader_refuses_a_missing_key) {
    Value v = config::to_json(effective.dataplane);
    v["system"].removeMember("max-flows");
    STRCMP_EQUAL("view/system/max-flows is not a number of that range", dataplane_error(v).c_str());
}

TEST(Views, a_reader_refuses_an_index_that_is_out_of_range) {
    Value v = config::to_json(effective.control);
    v["trunks"][0]["sip-interface"] = 2;
    CHECK(control_error(v) != "accepted");
    v = config::to_json(effective.control);
    v["routes"][0]["from-realm"] = 2;
    CHECK(control_error(v) != "accepted");
    v = config::to_json(effective.dataplane);
    v["realms"][0]["interface"] = 2;
    CHECK(dataplane_error(v) != "accepted");
}

TEST(Views, a_reader_survives_any_wrong_type) {
    for (const Value& wrong :
         {Value(), Value(3), Value("x"), Value(true), Value(Json::arrayValue), Value(Json::objectValue)}) {
        CHECK(control_error(wrong) != "accepted");
        CHECK(dataplane_error(wrong) != "accepted");
        for (const char* key : {"system", "realms", "trunks", "routes", "sip-interfaces"}) {
            Value v = config::to_json(effective.control);
            v[key] = wrong;
            const bool fits = wrong.isArray() && key != std::string("system");
            if (!fits) CHECK(control_error(v) != "accepted");
        }
    }
}
