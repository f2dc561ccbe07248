#include "tools/cli/render.h"

#include <array>

#include "tools/cli/fields.h"
#include "tools/cli/table.h"
#include "tools/cli/units.h"

namespace sallyport::cli {
namespace {

struct Renderer {
    std::string_view what;
    std::string (*render)(const json::Value& answer);
};
constexpr std::array kRenderers = {
    Renderer{"version", render_version},   Renderer{"calls", render_calls},
    Renderer{"call", render_call},         Renderer{"trunks", render_trunks},
    Renderer{"flows", render_flows},       Renderer{"dataplane", render_dataplane},
    Renderer{"counters", render_counters}, Renderer{"certificates", render_certificates}};

std::string subject_words(std::string_view what) {
    if (what == "call") return "the call";
    return what == "dataplane" ? "its state" : std::string(what);
}

}  // namespace

std::string render(std::string_view what, const json::Value& answer) {
    for (const auto& r : kRenderers) {
        if (r.what == what) return r.render(answer);
    }
    return json::write_pretty(answer);
}

std::string render_error(std::string_view what, const rpc::Error& error) {
    auto message = printable(error.message);
    if (error.code != rpc::kNotRunning) return message;
    auto line = message + ": " + subject_words(what) + " cannot be shown; the manager restarts it";
    if (has(error.data, "last-end")) line += " (it " + printable(text_field(error.data, "last-end")) + ")";
    return line;
}

std::string shown_of_total(std::size_t shown, const json::Value& answer) {
    const auto total = number_field(answer, "total");
    if (total <= shown) return {};
    return "Showing " + count(shown) + " of " + count(total) + ".\n";
}

}  // namespace sallyport::cli
