// Rules and a message out of one input: lines of rules up to an empty one, then header fields (or a whole message) for
// them to work on. A rule that the configuration would refuse ends the input. The last rule of each list removes
// X-Secret and Subject.
//
// To compile the expressions of rules takes a hundred times as long as to apply them: the last rules are kept compiled,
// and most mutations leave the rules alone.
//
// Oracles: what comes out is a message; its dialog, transaction and body are those that went in; no field of it holds a
// line end that was not a fold before, so that there are no fields but those that the parser sees; it has not grown
// beyond the bound; a reader of its own finds nothing of what was removed, before and after the header table.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/policy/message_rules.h"
#include "controlplane/policy/passing.h"
#include "controlplane/sip/message.h"
#include "platform/config/meaning.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/gate_view.h"

namespace sallyport::policy {
namespace {

using config::HeaderRule;
using config::NumberStep;

constexpr std::string_view kHead =
    "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKfuzz\r\nFrom: \"0301\" <sip:0301@pbx.example>;tag=f\r\n"
    "To: <sip:0049302@192.0.2.1>\r\nCall-ID: fuzz@pbx.example\r\nMax-Forwards: 70\r\nContact: "
    "<sip:0301@192.0.2.10>\r\n";
constexpr std::string_view kBody = "Content-Length: 4\r\n\r\nbody";

// `header action part|parameter match value on methods codes if-header if-match not`, tabs between; or
// `#called` / `#calling`, prefix, strip, add, match, replace, in.
std::vector<std::string> cells_of(std::string_view line) {
    std::vector<std::string> out;
    for (;;) {
        const auto tab = std::min(line.find('\t'), line.size());
        out.emplace_back(line.substr(0, tab));
        if (tab == line.size()) break;
        line.remove_prefix(tab + 1);
    }
    out.resize(11);
    return out;
}

std::optional<std::string> text_or_none(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

template <typename T>
T choice(const std::string& cell, std::size_t count) {
    return static_cast<T>(cell.empty() ? 0 : static_cast<unsigned char>(cell[0]) % count);
}

HeaderRule rule_of(const std::vector<std::string>& c) {
    HeaderRule r;
    r.header = config::usual_header_name(c[0]);
    r.action = choice<config::RuleAction>(c[1], 4);
    r.part = choice<config::RulePart>(c[2], 6);
    if (r.part == config::RulePart::kParameter) r.parameter = c[2].substr(1);
    r.match = text_or_none(c[3]);
    r.value = c[4];
    r.on = choice<config::RuleOn>(c[5], 3);
    if (!c[6].empty()) r.methods = {c[6]};
    if (!c[7].empty()) r.codes = {c[7]};
    if (!c[8].empty())
        r.condition = config::RuleCondition{config::usual_header_name(c[8]), text_or_none(c[9]), !c[10].empty()};
    return r;
}

NumberStep step_of(const std::vector<std::string>& c) {
    NumberStep s;
    s.match = text_or_none(c[4]);
    if (!s.match) {
        s.prefix = c[1];
        s.strip = static_cast<std::uint8_t>(std::min(c[2].size(), c[1].size()));
        s.add = c[3];
    }
    s.replace = s.match ? c[5] : "";
    if (!c[6].empty()) s.in = {c[6]};
    return s;
}

// What the configuration asks of names, and the schema checks.
bool is_name(const std::string& name) { return name == "request-uri" || (sip::is_token(name) && name.size() <= 64); }

struct Rules {
    config::DocHeaderRules headers{"list", "/header-rules/list", {}};
    config::DocNumberRules numbers{"numbers", "/number-rules/numbers", {}};
};

bool read_rules(std::string_view text, Rules& out) {
    fuzz::Input in(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    while (!in.empty()) {
        const auto line = in.until('\n');
        if (line.empty()) break;
        const auto cells = cells_of(line);
        if (cells[0] == "#called") {
            out.numbers.rules.called.push_back(step_of(cells));
        } else if (cells[0] == "#calling") {
            out.numbers.rules.calling.push_back(step_of(cells));
        } else if (cells[0] == "#context") {
            out.numbers.rules.phone_context = "+49";
        } else {
            auto rule = rule_of(cells);
            if (!is_name(rule.header) || (rule.condition && !is_name(rule.condition->header))) return false;
            out.headers.rules.push_back(std::move(rule));
        }
    }
    return true;
}

// The lines of rules: at most eight, up to an empty one.
std::size_t length_of_rules(std::string_view input) {
    std::size_t at = 0;
    for (int i = 0; i < 8 && at < input.size(); ++i) {
        const auto end = std::min(input.find('\n', at), input.size() - 1) + 1;
        const bool empty = input[at] == '\n';
        at = end;
        if (empty) break;
    }
    return at;
}

bool allowed(const Rules& rules) {
    config::Document document;
    document.header_rules = {rules.headers};
    document.number_rules = {rules.numbers};
    config::Problems problems;
    config::check_header_rules(document, problems);
    config::check_number_rules(document, problems);
    for (const auto& p : problems) FUZZ_CHECK(p.path.starts_with("/") && !p.text.empty() && !p.text.contains('\n'));
    return problems.empty();
}

// Names of fields as somebody reads them who knows of nothing but lines.
bool has_field(std::string_view head, std::string_view name) {
    for (head = head.substr(0, head.find("\r\n\r\n")); !head.empty();) {
        const auto end = std::min(head.find_first_of(std::string_view("\r\n\0", 3)), head.size());
        const auto line = head.substr(0, end);
        head.remove_prefix(std::min(end + 1, head.size()));
        if (sip::iequals(sip::trim(line.substr(0, line.find(':'))), name)) return true;
    }
    return false;
}

// In values that rules have not touched a name may stand behind a fold; they go on as one line (passing.h).
bool has_any(std::string_view head) {
    return has_field(head, "X-Secret") || has_field(head, "Subject") || has_field(head, "s");
}

void check_same_dialog(const sip::Message& before, const sip::Message& after) {
    FUZZ_CHECK(before.is_request() == after.is_request() && before.method() == after.method());
    FUZZ_CHECK(before.status() == after.status());
    FUZZ_CHECK(before.top_via().raw == after.top_via().raw && before.call_id() == after.call_id());
    FUZZ_CHECK(before.from_tag() == after.from_tag() && before.to_tag() == after.to_tag());
    FUZZ_CHECK(before.cseq().number == after.cseq().number && before.body() == after.body());
    FUZZ_CHECK(before.max_forwards() == after.max_forwards());
    for (const auto id : {sip::HeaderId::kContact, sip::HeaderId::kRoute, sip::HeaderId::kRecordRoute})
        FUZZ_CHECK(before.value(id) == after.value(id));
    const bool begins = before.is_request() && before.to_tag().empty() && before.method() != sip::Method::kAck &&
                        before.method() != sip::Method::kCancel;
    if (begins) return;
    FUZZ_CHECK(before.request_uri() == after.request_uri());
    FUZZ_CHECK(before.from().raw == after.from().raw && before.to().raw == after.to().raw);
}

void check_lines(const sip::Message& before, const sip::Message& after) {
    for (const auto& field : after.fields()) {
        const bool was = std::ranges::any_of(before.fields(), [&](const auto& f) { return f.line == field.line; });
        FUZZ_CHECK(was || field.value.find_first_of("\r\n") == std::string_view::npos);
        FUZZ_CHECK(!sip::iequals(field.name(), "X-Secret") && field.id != sip::HeaderId::kSubject);
    }
}

void check_crossed(const sip::Message& message, const config::ControlView& view) {
    auto from = make_side(view, 0, view.trunks[0].peers[0]);
    auto to = make_side(view, 1, view.trunks[1].peers[0]);
    from.trust = to.trust = config::Trust::kTrusted;
    from.pass_unknown_headers = to.pass_unknown_headers = true;
    sip::MessageWriter writer;
    writer.request("INVITE", "sip:x");
    PassCounters counters;
    append_passed(writer, message, {from, to, {}}, counters);
    FUZZ_CHECK(writer.failed() || !has_any(writer.finish()));
}

void run(MessageRules& rules, MessageRules::Way way, const config::ControlView& view, const sip::Message& message) {
    static const auto after = std::make_unique<sip::Message>();
    std::string out;
    const RuleSide side{0, 0};
    const auto result = rules.apply(way, side, message, out);
    if (result == MessageRules::Result::kRefused) {
        FUZZ_CHECK(message.is_request() && message.to_tag().empty());
        return;
    }
    const auto bytes = result == MessageRules::Result::kChanged ? std::string_view(out) : message.bytes();
    FUZZ_CHECK(after->parse(bytes).has_value());
    FUZZ_CHECK(bytes.size() <= message.bytes().size() + MessageEdit::kMostGrown + 64);
    check_same_dialog(message, *after);
    check_lines(message, *after);
    if (after->is_request()) check_crossed(*after, view);
}

struct Compiled {
    config::ControlView view;
    std::unique_ptr<MessageRules> rules;
};

// Null for rules that the configuration would refuse.
std::unique_ptr<Compiled> compile(std::string_view text) {
    Rules rules;
    if (!read_rules(text, rules) || !allowed(rules)) return nullptr;
    for (const auto* name : {"X-Secret", "Subject"}) {
        HeaderRule rule;
        rule.header = name;
        rules.headers.rules.push_back(std::move(rule));
    }
    auto out = std::make_unique<Compiled>(test::gate_view());
    out->view.header_rules = {{rules.headers.name, rules.headers.rules}};
    out->view.number_rules = {rules.numbers.rules};
    out->view.number_rules[0].name = rules.numbers.name;
    out->view.trunks[0].rules = {{0}, {0}, {0}, {0}};
    out->rules = std::make_unique<MessageRules>(out->view);
    return out;
}

// Applying rules changes nothing of them but counters, so an input alone does what it did among others.
Compiled* compiled(std::string_view text) {
    constexpr std::size_t kMost = 2'048;  // as many as a corpus has, so that its inputs are compiled once
    static std::unordered_map<std::string, std::unique_ptr<Compiled>> kept;
    const std::string key(text);
    if (const auto found = kept.find(key); found != kept.end()) return found->second.get();
    if (kept.size() == kMost) kept.clear();
    return kept.emplace(key, compile(text)).first->second.get();
}

}  // namespace
}  // namespace sallyport::policy

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed);

// All but one of 32 change what the rules work on alone.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
    const auto rules = sallyport::policy::length_of_rules({reinterpret_cast<const char*>(data), size});
    if (seed % 32 == 0 || rules == most) return LLVMFuzzerMutate(data, size, most);
    return rules + LLVMFuzzerMutate(data + rules, size - rules, most - rules);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::policy;
    static const auto message = std::make_unique<sallyport::sip::Message>();
    sallyport::fuzz::Input in(data, size);
    auto* const with = compiled(in.bytes(length_of_rules(in.rest())));
    if (with == nullptr) return 0;

    const auto rest = in.rest();
    std::string text(rest);
    if (!message->parse(text)) {
        // Begins with what stands in the place of "INVITE sip:...", then fields.
        const auto line = in.until('\n');
        const bool response = line.starts_with("SIP/2.0 ");
        text = std::string(line) + (response ? "\r\n" : " SIP/2.0\r\n");
        const auto method = response ? std::string_view("INVITE") : line.substr(0, line.find(' '));
        text.append(kHead).append("CSeq: 1 ").append(method).append("\r\n").append(in.rest()).append(kBody);
        if (!message->parse(text)) return 0;
    }
    run(*with->rules, MessageRules::Way::kInbound, with->view, *message);
    run(*with->rules, MessageRules::Way::kOutbound, with->view, *message);
    return 0;
}
