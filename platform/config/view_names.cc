#include "platform/config/view_names.h"

namespace sallyport::config {

const char* name_of(Trust v) { return v == Trust::kTrusted ? "trusted" : "untrusted"; }

const char* name_of(UnknownSource v) { return v == UnknownSource::kForbid ? "403" : "drop"; }

const char* name_of(Latching v) {
    switch (v) {
        case Latching::kExact: return "exact";
        case Latching::kAddress: return "address";
        case Latching::kPrefix: return "prefix";
    }
    return "";
}

const char* name_of(HugePages v) {
    switch (v) {
        case HugePages::kAuto: return "auto";
        case HugePages::kOn: return "on";
        case HugePages::kOff: return "off";
    }
    return "";
}

const char* name_of(Transport v) { return transport_name(v).data(); }  // a literal

const char* name_of(RuleAction v) {
    switch (v) {
        case RuleAction::kAdd: return "add";
        case RuleAction::kSet: return "set";
        case RuleAction::kRemove: return "remove";
        case RuleAction::kRewrite: return "rewrite";
    }
    return "";
}

const char* name_of(RuleOn v) {
    switch (v) {
        case RuleOn::kBoth: return "both";
        case RuleOn::kRequest: return "request";
        case RuleOn::kResponse: return "response";
    }
    return "";
}

const char* name_of(RulePart v) {
    switch (v) {
        case RulePart::kValue: return "value";
        case RulePart::kUri: return "uri";
        case RulePart::kUriUser: return "uri-user";
        case RulePart::kUriHost: return "uri-host";
        case RulePart::kDisplayName: return "display-name";
        case RulePart::kParameter: return "parameter";
    }
    return "";
}

const char* name_of(TlsClients v) {
    switch (v) {
        case TlsClients::kNone: return "none";
        case TlsClients::kOptional: return "optional";
        case TlsClients::kRequired: return "required";
    }
    return "";
}

}  // namespace sallyport::config
