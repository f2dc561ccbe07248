#include "tools/cli/fields.h"
#include "tools/cli/render.h"
#include "tools/cli/table.h"

namespace sallyport::cli {

std::string render_version(const json::Value& answer) {
    Table table({{"PROCESS"},
                 {"STATE"},
                 {"SINCE", Align::kRight},
                 {"PID", Align::kRight},
                 {"VERSION"},
                 {"RESTARTS", Align::kRight},
                 {"LAST END"}});
    for (const auto& p : list_field(answer, "processes")) {
        const auto state = text_field(p, "state");
        table.add({text_field(p, "name"), state == "not-running" ? "not running" : state,
                   duration_field(p, state == "running" ? "uptime-ms" : "since-ms"), text_field(p, "pid"),
                   text_field(p, "version"), count_field(p, "restarts"), text_field(p, "last-end")});
    }
    return "Sallyport " + printable(text_field(answer, "version")) + "\n\n" + table.text();
}

}  // namespace sallyport::cli
