#include "tools/cli/arguments.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

namespace sallyport::cli {
namespace {

struct Subject {
    std::string_view name;
    std::string_view argument;  // "" or its name
    std::string_view help;
};
constexpr std::array kSubjects = {Subject{"version", "", "versions and state of the processes"},
                                  Subject{"calls", "", "the calls that are up"},
                                  Subject{"call", "ID", "one call: legs, streams, loss and jitter"},
                                  Subject{"trunks", "", "the trunks and what came and went over them"},
                                  Subject{"flows", "", "the media flows as the dataplane has them"},
                                  Subject{"certificates", "", "the certificates of TLS, and until when they last"},
                                  Subject{"dataplane", "", "ports, workers, memory, privileges"},
                                  Subject{"counters", "", "every counter of every process"}};
constexpr std::array<std::string_view, 3> kOptions = {"--json", "--runtime-dir", "--help"};

std::unexpected<std::string> wrong(std::string text) {
    return std::unexpected(std::move(text) + " (`sallyport help` shows what there is)");
}

std::unexpected<std::string> unknown(std::string_view kind, std::string_view word,
                                     std::span<const std::string_view> known) {
    std::string text = "unknown " + std::string(kind) + " `" + std::string(word) + "`";
    if (const auto meant = nearest_word(word, known); !meant.empty()) text += ": did you mean `" + meant + "`?";
    return wrong(std::move(text));
}

// Takes the options out of `words`; what is left are the words of the command.
std::optional<std::string> take_options(std::span<const std::string_view> words, Arguments& out, bool& help,
                                        std::vector<std::string_view>& command) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto word = words[i];
        if (word == "--json") {
            out.json = true;
        } else if (word == "--help" || word == "-h") {
            help = true;
        } else if (word == "--version") {
            out.action = Arguments::Action::kVersion;
        } else if (word == "--runtime-dir") {
            if (i + 1 == words.size()) return wrong("--runtime-dir: a folder is missing").error();
            out.runtime_dir = words[++i];
        } else if (word.starts_with("--runtime-dir=")) {
            out.runtime_dir = word.substr(word.find('=') + 1);
        } else if (word.starts_with('-')) {
            return unknown("option", word, kOptions).error();
        } else {
            command.push_back(word);
        }
    }
    return std::nullopt;
}

std::expected<Arguments, std::string> parse_show(std::span<const std::string_view> words, Arguments out) {
    std::vector<std::string_view> names;
    names.reserve(kSubjects.size());
    for (const auto& s : kSubjects) names.push_back(s.name);
    if (words.empty()) return wrong("show what?");
    const auto subject = std::ranges::find(kSubjects, words[0], &Subject::name);
    if (subject == kSubjects.end()) return unknown("subject", words[0], names);
    const std::size_t wanted = subject->argument.empty() ? 1 : 2;
    if (words.size() < wanted) return wrong("show call: the call's id is missing; `sallyport show calls` lists them");
    if (words.size() > wanted) return wrong("`" + std::string(words[wanted]) + "` is one word too many");
    out.action = Arguments::Action::kShow;
    out.what = words[0];
    if (wanted == 2) out.id = words[1];
    return out;
}

std::expected<Arguments, std::string> parse_reload(std::span<const std::string_view> words, Arguments out) {
    static constexpr std::array<std::string_view, 1> kParts = {"certificates"};
    if (words.empty()) return wrong("reload what? `sallyport reload certificates`");
    if (words[0] != kParts[0]) return unknown("part", words[0], kParts);
    if (words.size() > 1) return wrong("`" + std::string(words[1]) + "` is one word too many");
    out.action = Arguments::Action::kReload;
    out.what = words[0];
    return out;
}

}  // namespace

std::expected<Arguments, std::string> parse_arguments(std::span<const std::string_view> words,
                                                      std::string_view environment_dir) {
    Arguments out;
    out.runtime_dir = environment_dir.empty() ? "/run/sallyport" : environment_dir;
    bool help = false;
    std::vector<std::string_view> command;
    if (auto problem = take_options(words, out, help, command)) return std::unexpected(std::move(*problem));
    if (out.runtime_dir.empty()) return wrong("--runtime-dir: a folder is missing");
    if (help || (!command.empty() && command[0] == "help")) {
        out.action = Arguments::Action::kHelp;
        return out;
    }
    if (out.action == Arguments::Action::kVersion) return out;
    if (command.empty()) return wrong("a command is missing");
    static constexpr std::array<std::string_view, 3> kCommands = {"show", "reload", "help"};
    if (command[0] == "reload") return parse_reload(std::span(command).subspan(1), std::move(out));
    if (command[0] != "show") return unknown("command", command[0], kCommands);
    return parse_show(std::span(command).subspan(1), std::move(out));
}

std::string help_text() {
    std::string out =
        "sallyport [--runtime-dir DIR] [--json] show WHAT\n"
        "sallyport [--runtime-dir DIR] [--json] reload certificates\n"
        "\n";
    for (const auto& s : kSubjects) {
        std::string left = "  show " + std::string(s.name) + (s.argument.empty() ? "" : " " + std::string(s.argument));
        left.resize(std::max<std::size_t>(left.size() + 2, 22), ' ');
        out += left + std::string(s.help) + "\n";
    }
    out +=
        "  reload certificates  reads their files anew; what cannot be used leaves those before\n"
        "\n"
        "  --json             the answer as JSON (docs/status-json.md), for programs\n"
        "  --runtime-dir DIR  where the manager's socket is; else SALLYPORT_RUNTIME_DIR, else /run/sallyport\n"
        "  --version, --help\n"
        "\n"
        "Exits 0 when it was answered, 1 when not (something is not running, no such call), 2 on a wrong command.\n";
    return out;
}

std::string nearest_word(std::string_view word, std::span<const std::string_view> known) {
    // Levenshtein distance; a word that shares less than half of its letters was not meant.
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(1, word.size() / 2) + 1;
    if (word.size() > 64) return best;
    for (const auto& candidate : known) {
        std::vector<std::size_t> row(candidate.size() + 1);
        std::iota(row.begin(), row.end(), std::size_t{0});
        for (std::size_t i = 0; i < word.size(); ++i) {
            std::size_t diagonal = std::exchange(row[0], i + 1);
            for (std::size_t j = 0; j < candidate.size(); ++j) {
                const std::size_t replaced = diagonal + (word[i] == candidate[j] ? 0 : 1);
                diagonal = row[j + 1];
                row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
            }
        }
        if (row.back() >= best_distance) continue;
        best_distance = row.back();
        best = candidate;
    }
    return best;
}

}  // namespace sallyport::cli
