#include "tools/cli/fields.h"
#include "tools/cli/render.h"
#include "tools/cli/table.h"
#include "tools/cli/units.h"

namespace sallyport::cli {
namespace {

std::string head(const json::Value& answer) {
    const auto& flows = field(answer, "flows");
    const auto& session = field(answer, "session");
    const auto& memory = field(answer, "memory");
    const auto& hops = field(answer, "next-hops");
    std::string out = "Up for " + duration_field(answer, "uptime-ms") + ".\n";
    out += bool_field(session, "attached") ? "Control plane attached for " + duration_field(session, "since-ms") +
                                                 " (session " + text_field(session, "number") + ").\n"
                                           : "No control plane is attached; installed flows stay.\n";
    out += "Flows: " + count_field(flows, "installed") + " of " + count_field(flows, "max") + " (" +
           percent(number_field(flows, "installed"), number_field(flows, "max")) + ").\n";
    out += "Packet buffers: " + count_field(memory, "mbufs-free") + " of " + count_field(memory, "mbufs") + " free, " +
           (bool_field(memory, "huge-pages") ? "in huge pages" : "without huge pages") + ".\n";
    out += "Next hops: " + count_field(hops, "resolved") + " of " + count_field(hops, "known") + " resolved, " +
           count_field(hops, "probes") + " probes, " + count_field(hops, "waiting-packets") + " packets waiting.\n";
    return out;
}

std::string ports(const json::Value& answer) {
    Table table({{"INTERFACE"},
                 {"LINK"},
                 {"MAC"},
                 {"RX packets", Align::kRight},
                 {"RX size", Align::kRight},
                 {"TX packets", Align::kRight},
                 {"TX size", Align::kRight},
                 {"MISSED", Align::kRight},
                 {"ERRORS rx/tx", Align::kRight},
                 {"FROM KERNEL", Align::kRight},
                 {"TO KERNEL", Align::kRight},
                 {"DROPPED", Align::kRight},
                 {"PORT"}});
    for (const auto& p : list_field(answer, "ports")) {
        const auto speed = number_field(p, "speed-mbps");
        table.add({text_field(p, "interface"), text_field(p, "link") + (speed > 0 ? " " + count(speed) + " Mb/s" : ""),
                   text_field(p, "mac"), count_field(p, "rx-packets"), bytes_field(p, "rx-bytes"),
                   count_field(p, "tx-packets"), bytes_field(p, "tx-bytes"), count_field(p, "rx-missed"),
                   count_field(p, "rx-errors") + "/" + count_field(p, "tx-errors"), count_field(p, "tap-in"),
                   count_field(p, "tap-out"), count_field(p, "tap-dropped"), text_field(p, "port")});
    }
    return table.empty() ? "" : "\n" + table.text();
}

std::string workers(const json::Value& answer) {
    Table table({{"WORKER", Align::kRight},
                 {"CORE", Align::kRight},
                 {"BUSY %", Align::kRight},
                 {"STATE"},
                 {"PACKETS", Align::kRight},
                 {"BURSTS", Align::kRight}});
    for (const auto& w : list_field(answer, "workers")) {
        table.add({text_field(w, "lcore"), text_field(w, "core"), text_field(w, "busy-percent"),
                   bool_field(w, "dozing") ? "dozing" : "polling", count_field(w, "packets"),
                   count_field(w, "bursts")});
    }
    return table.empty() ? "" : "\n" + table.text();
}

std::string privileges(const json::Value& answer) {
    Table table({{"PRIVILEGE KEPT"}, {"WHY"}});
    for (const auto& p : list_field(answer, "privileges")) table.add({text_field(p, "name"), text_field(p, "reason")});
    return table.empty() ? "\nNo privileges are kept.\n" : "\n" + table.text();
}

}  // namespace

std::string render_dataplane(const json::Value& answer) {
    return head(answer) + ports(answer) + workers(answer) + privileges(answer);
}

}  // namespace sallyport::cli
