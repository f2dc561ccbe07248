#include "tools/cli/fields.h"
#include "tools/cli/render.h"
#include "tools/cli/table.h"

namespace sallyport::cli {

std::string render_certificates(const json::Value& answer) {
    const auto profiles = list_field(answer, "profiles");
    if (profiles.empty()) return "No TLS profiles.\n";
    Table table({{"PROFILE"}, {"CERTIFICATE"}, {"NAMES"}, {"ISSUER"}, {"UNTIL"}, {"DAYS LEFT", Align::kRight}});
    std::string notes;
    for (const auto& p : profiles) {
        const auto name = text_field(p, "name");
        const auto certificates = list_field(p, "certificates");
        for (const auto& c : certificates)
            table.add({name, text_field(c, "subject"), joined_field(c, "names", " "), text_field(c, "issuer"),
                       text_field(c, "until-time"), count_field(c, "days-left")});
        if (certificates.empty()) table.add({name, "none", "", "", "", ""});
        if (has(p, "error"))
            notes += printable(name) + ": " + printable(text_field(p, "error")) +
                     (certificates.empty() ? "\n" : "; what was there before stays in use\n");
    }
    return table.text() + notes;
}

bool any_failed(const json::Value& answer) {
    for (const auto& p : list_field(answer, "profiles"))
        if (has(p, "error")) return true;
    return false;
}

}  // namespace sallyport::cli
