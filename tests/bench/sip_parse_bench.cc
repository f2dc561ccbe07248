// What one of the parsers of tests/bench/sip_parse does with the INVITE.
//
//   sip_parse_bench NAME           one line of JSON: nanoseconds and allocations of an INVITE, with its SDP read and
//                                  without, and a digest of each byte that was read
//   sip_parse_bench NAME PART N    reads the INVITE N times (PART: all, or sip: without its SDP), for callgrind
//
// NAME is sallyport, osip or sofia.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "tests/bench/clock.h"
#include "tests/bench/sip_parse/allocations.h"
#include "tests/bench/sip_parse/contestant.h"
#include "tests/bench/sip_parse/invite.h"

namespace {

using namespace sallyport::bench;

std::unique_ptr<Contestant> make(std::string_view name) {
    if (name == "sallyport") return make_sallyport();
    if (name == "osip") return make_osip();
    if (name == "sofia") return make_sofia();
    return nullptr;
}

void repeat(Contestant& contestant, Part part, long times) {
    for (long i = 0; i < times; ++i) {
        Digest digest;
        keep(contestant.read(kInvite, part, digest));
        keep(digest.value());
    }
}

int measure(Contestant& contestant) {
    Digest whole(true);
    Digest fast;
    if (!contestant.read(kInvite, Part::kAll, whole) || !contestant.read(kInvite, Part::kAll, fast)) {
        std::fputs("sip_parse_bench: the INVITE was not read\n", stderr);
        return 1;
    }
    const auto allocated_by = [&](Part part) {
        const auto before = allocations();
        repeat(contestant, part, 1);
        return static_cast<unsigned long>(allocations() - before);
    };
    const auto nanoseconds = [&](Part part) { return best_ns(20, 100, [&] { repeat(contestant, part, 50); }) / 50; };
    const auto all = allocated_by(Part::kAll);
    const auto sip = allocated_by(Part::kSip);
    std::printf(R"({"all": {"ns": %.1f, "allocations": %lu}, "sip": {"ns": %.1f, "allocations": %lu}, )"
                R"("bytes": %zu, "digest": "%016lx-%016lx"})"
                "\n",
                nanoseconds(Part::kAll), all, nanoseconds(Part::kSip), sip, kInvite.size(),
                static_cast<unsigned long>(whole.value()), static_cast<unsigned long>(fast.value()));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const auto contestant = make(argc > 1 ? argv[1] : "");
    const std::string_view part = argc == 4 ? argv[2] : "all";
    if (!contestant || (argc != 2 && argc != 4) || (part != "all" && part != "sip")) {
        std::fputs("usage: sip_parse_bench sallyport|osip|sofia [all|sip N]\n", stderr);
        return 2;
    }
    if (argc == 2) return measure(*contestant);
    repeat(*contestant, part == "all" ? Part::kAll : Part::kSip, std::strtol(argv[3], nullptr, 10));
    return 0;
}
