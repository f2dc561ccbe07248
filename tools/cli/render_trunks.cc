#include "tools/cli/fields.h"
#include "tools/cli/render.h"
#include "tools/cli/table.h"

namespace sallyport::cli {

std::string render_trunks(const json::Value& answer) {
    const auto trunks = list_field(answer, "trunks");
    if (trunks.empty()) return "No trunks.\n";
    Table table({{"TRUNK"},
                 {"REALM"},
                 {"OUR ADDRESS"},
                 {"PEERS"},
                 {"CALLS NOW", Align::kRight},
                 {"IN", Align::kRight},
                 {"ANSWERED", Align::kRight},
                 {"FAILED", Align::kRight},
                 {"SHED", Align::kRight},
                 {"LIMITED", Align::kRight},
                 {"OUT", Align::kRight},
                 {"ANSWERED", Align::kRight},
                 {"FAILED", Align::kRight},
                 {"LIMITED", Align::kRight}});
    const auto limited = [](const json::Value& t, const std::string& direction) {
        std::uint64_t sum = 0;
        for (const char* cause : {"calls", "rate", "realm"}) {
            const auto& count = t["limited-" + std::string(cause) + "-" + direction];
            if (count.isUInt64()) sum += count.asUInt64();
        }
        return std::to_string(sum);
    };
    for (const auto& t : trunks) {
        table.add({text_field(t, "name"), text_field(t, "realm"),
                   text_field(t, "local") + "/" + text_field(t, "transport"), joined_field(t, "peers", " "),
                   count_field(t, "calls"), count_field(t, "calls-in"), count_field(t, "answered-in"),
                   count_field(t, "failed-in"), count_field(t, "shed-in"), limited(t, "in"),
                   count_field(t, "calls-out"), count_field(t, "answered-out"), count_field(t, "failed-out"),
                   limited(t, "out")});
    }
    return table.text() +
           "IN: calls from the trunk; OUT: calls to it; both since the control plane started. SHED: refused because of "
           "overload. LIMITED: of those that failed, refused because of limits.\n";
}

}  // namespace sallyport::cli
