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
                 {"OUT", Align::kRight},
                 {"ANSWERED", Align::kRight},
                 {"FAILED", Align::kRight}});
    for (const auto& t : trunks) {
        table.add({text_field(t, "name"), text_field(t, "realm"),
                   text_field(t, "local") + "/" + text_field(t, "transport"), joined_field(t, "peers", " "),
                   count_field(t, "calls"), count_field(t, "calls-in"), count_field(t, "answered-in"),
                   count_field(t, "failed-in"), count_field(t, "shed-in"), count_field(t, "calls-out"),
                   count_field(t, "answered-out"), count_field(t, "failed-out")});
    }
    return table.text() +
           "IN: calls from the trunk; OUT: calls to it; both since the control plane started. SHED: refused because of "
           "overload.\n";
}

}  // namespace sallyport::cli
