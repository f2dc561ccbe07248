#include "tools/cli/fields.h"
#include "tools/cli/render.h"
#include "tools/cli/table.h"

namespace sallyport::cli {

std::string render_counters(const json::Value& answer) {
    Table table({{"PROCESS"}, {"COUNTER"}, {"VALUE", Align::kRight}, {"WHAT IT COUNTS"}});
    for (const char* process : {"control", "dataplane", "manager"}) {
        for (const auto& c : list_field(answer, process)) {
            const auto help = text_field(c, "help");
            table.add({process, text_field(c, "name"), count_field(c, "value"), help == "-" ? "" : help});
        }
    }
    std::string out = table.text();
    for (const auto& m : list_field(answer, "missing")) {
        out += printable(text_field(m, "message")) + ": its counters cannot be shown\n";
    }
    return out;
}

}  // namespace sallyport::cli
