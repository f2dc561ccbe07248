#include <algorithm>

#include "tools/cli/fields.h"
#include "tools/cli/render.h"
#include "tools/cli/table.h"
#include "tools/cli/units.h"

namespace sallyport::cli {
namespace {

// "Name:   value", the values in one column.
class Facts {
public:
    void add(std::string name, const std::string& value) {
        if (value == "-") return;
        name += ':';
        name.resize(std::max<std::size_t>(kColumn, name.size() + 1), ' ');
        text_ += "  " + name + printable(value) + "\n";
    }
    const std::string& text() const { return text_; }

private:
    static constexpr std::size_t kColumn = 16;
    std::string text_;
};

std::string head(const json::Value& call) {
    Facts facts;
    auto state = text_field(call, "state");
    if (bool_field(call, "media-silent")) state += ", no media from either side";
    facts.add("State", state);
    for (const char* key : {"from", "to"}) {
        const auto& side = field(call, key);
        const auto trunk = has(side, "trunk") ? ", trunk " + text_field(side, "trunk") : "";
        facts.add(*key == 'f' ? "From" : "To", text_field(side, "user") + trunk +
                                                   (has(side, "realm") ? ", realm " + text_field(side, "realm") : ""));
    }
    facts.add("Route", text_field(call, "route"));
    facts.add("INVITE", text_field(call, "invite-time"));
    facts.add("Ringing", text_field(call, "ringing-time"));
    facts.add("Answer", text_field(call, "answer-time"));
    facts.add("Duration", duration_field(call, "duration-ms"));
    return "Call " + printable(text_field(call, "id")) + "\n" + facts.text();
}

std::string leg_facts(const json::Value& leg) {
    Facts facts;
    facts.add("Trunk", text_field(leg, "trunk"));
    facts.add("Realm", text_field(leg, "realm"));
    facts.add("Peer", text_field(leg, "signalling-remote"));
    facts.add("Our address", text_field(leg, "signalling-local"));
    facts.add("Transport", text_field(leg, "signalling-transport"));
    facts.add("Call-ID", text_field(leg, "call-id"));
    facts.add("Our tag", text_field(leg, "local-tag"));
    facts.add("Peer's tag", text_field(leg, "remote-tag"));
    const auto role = text_field(leg, "role") == "uas" ? "the caller's" : "the called side's";
    return "\nLeg " + printable(text_field(leg, "name")) + " (" + role + ")\n" + facts.text();
}

void add_component(Table& table, const json::Value& stream, const json::Value& leg, const char* component) {
    const auto& c = field(leg, component);
    if (!c.isObject()) return;
    const bool rtp = std::string_view(component) == "rtp";
    const auto lost = number_field(c, "lost");
    const auto remote = text_field(leg, has(leg, "latched") ? "latched" : "remote");
    table.add({text_field(stream, "index") + " " + component, text_field(leg, "name"), rtp ? remote : "-",
               rtp ? text_field(leg, "local") : "-", count_field(c, "packets"), bytes_field(c, "bytes"),
               count_field(c, "dropped"), rtp ? count_field(c, "lost") : "-",
               rtp ? percent(lost, lost + number_field(c, "packets")) : "-", millis_field(c, "jitter-us"),
               millis_field(c, "jitter-max-us"), duration_field(c, "silent-ms")});
}

}  // namespace

std::string render_call(const json::Value& answer) {
    std::string out = head(answer);
    for (const auto& leg : list_field(answer, "legs")) out += leg_facts(leg);

    Table table({{"STREAM"},
                 {"FROM LEG"},
                 {"SOURCE"},
                 {"OUR ADDRESS"},
                 {"PACKETS", Align::kRight},
                 {"SIZE", Align::kRight},
                 {"DROPPED", Align::kRight},
                 {"LOST", Align::kRight},
                 {"LOSS", Align::kRight},
                 {"JITTER ms", Align::kRight},
                 {"MAX ms", Align::kRight},
                 {"SILENT FOR", Align::kRight}});
    std::string codecs;
    for (const auto& stream : list_field(answer, "streams")) {
        codecs += "  stream " + text_field(stream, "index") + ": " + printable(text_field(stream, "codec"));
        codecs += "\n";
        for (const auto& leg : list_field(stream, "legs")) {
            add_component(table, stream, leg, "rtp");
            add_component(table, stream, leg, "rtcp");
        }
    }
    if (!codecs.empty()) out += "\nMedia\n" + codecs;
    if (!table.empty()) out += "\n" + table.text();
    return out;
}

}  // namespace sallyport::cli
