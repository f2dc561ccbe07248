#include "tools/cli/fields.h"
#include "tools/cli/render.h"
#include "tools/cli/table.h"

namespace sallyport::cli {
namespace {

std::string call_number(const json::Value& flow) {
    auto text = text_field(flow, "call");
    const auto first = text.find_first_not_of('0');
    return (first == std::string::npos ? "0" : text.substr(first)) + "/" + text_field(flow, "leg") + "/" +
           text_field(flow, "stream");
}

std::string state(const json::Value& flow) {
    if (!bool_field(flow, "forward")) return "held";
    const auto hop = text_field(flow, "next-hop-state");
    if (hop != "resolved" && hop != "-") return "next hop " + hop;
    return bool_field(flow, "idle") ? "silent" : "relays";
}

}  // namespace

std::string render_flows(const json::Value& answer) {
    const auto flows = list_field(answer, "flows");
    if (flows.empty()) return "No flows.\n";
    Table table({{"REALM"},
                 {"ARRIVES AT"},
                 {"FROM"},
                 {"LEAVES BY"},
                 {"NEXT HOP"},
                 {"STATE"},
                 {"KIND"},
                 {"CALL/LEG/STREAM"},
                 {"PACKETS", Align::kRight},
                 {"SIZE", Align::kRight},
                 {"DROPPED", Align::kRight},
                 {"LOST", Align::kRight},
                 {"JITTER ms", Align::kRight},
                 {"SILENT FOR", Align::kRight}});
    for (const auto& f : flows) {
        // A source that was learned differs from the signalled one: shown with a star.
        const auto source = has(f, "latched")
                                ? text_field(f, "latched") + (field(f, "latched") == field(f, "remote") ? "" : "*")
                                : text_field(f, "remote");
        table.add({text_field(f, "realm"), text_field(f, "local"), source, text_field(f, "out-local"),
                   text_field(f, "next-hop"), state(f), text_field(f, "component"), call_number(f),
                   count_field(f, "packets"), bytes_field(f, "bytes"), count_field(f, "dropped"),
                   count_field(f, "lost"), millis_field(f, "jitter-us"), duration_field(f, "silent-ms")});
    }
    return table.text() + shown_of_total(flows.size(), answer);
}

}  // namespace sallyport::cli
