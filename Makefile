# Sallyport: one Makefile, no recursion. `make help` lists the targets.
#
# MODE=release|debug|asan|tsan chooses the build; each has its own folder build/$(MODE). MODE=fuzz and fuzz-coverage are
# those of the fuzz targets, which clang builds.
# Every folder with sources becomes one static library; a program or a test links the libraries that it
# names, so that a unit test cannot reach what it does not ask for.

MODE ?= release
ifeq ($(filter $(MODE),release debug asan tsan fuzz fuzz-coverage),)
$(error MODE=$(MODE) is unknown: use release, debug, asan or tsan; fuzz and fuzz-coverage for fuzz targets)
endif
BUILD := build/$(MODE)
CXX := $(if $(filter fuzz%,$(MODE)),clang++-19,g++)
JOBS ?= $(shell nproc)

WARNINGS := -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual -Wformat=2 -Wundef -Werror
# -g1 holds what a backtrace needs, and takes half the time of -g to compile.
MODE_release := -O2 -g1 -D_FORTIFY_SOURCE=2 -Wno-restrict
MODE_debug := -O0 -g3
MODE_asan := -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -Wno-maybe-uninitialized
# RTE_USE_C11_MEM_MODEL: rings whose order ThreadSanitizer can see.
MODE_tsan := -O1 -g1 -fno-omit-frame-pointer -fsanitize=thread -Wno-tsan -Wno-maybe-uninitialized -DRTE_USE_C11_MEM_MODEL
# -fsanitize=fuzzer, which has a main(), is for the link of a fuzz target alone. Deprecated: see .clang-tidy.
MODE_fuzz := -O2 -g1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
             -fsanitize-coverage-ignorelist=tests/fuzz/libraries.ignore -Wno-deprecated-declarations
MODE_fuzz-coverage := -O1 -g1 -fprofile-instr-generate -fcoverage-mapping -Wno-deprecated-declarations
CXXFLAGS := -std=gnu++23 -I. -isystem /usr/include/jsoncpp -fPIE -fstack-protector-strong -D_GLIBCXX_ASSERTIONS $(WARNINGS) $(MODE_$(MODE)) $(EXTRA_CXXFLAGS)
LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(filter -fsanitize% -fprofile%,$(MODE_$(MODE)))

# --- what is in the tree ------------------------------------------------------------------------------
PLATFORM_DIRS := base regex json wire os config rpc x509 manager
MEDIA_DIRS := rtp sdp offer_answer stun
DATAPLANE_DIRS := packet flow transform slowpath port worker
CONTROL_DIRS := sip transaction dialog policy routing relay flow call net store ops
LIB_DIRS := $(PLATFORM_DIRS:%=platform/%) $(MEDIA_DIRS:%=media/%) $(DATAPLANE_DIRS:%=dataplane/%) \
            $(CONTROL_DIRS:%=controlplane/%) tools/cli

PROGRAMS := sallyport-manager sallyport-dataplane sallyport-control sallyport
MAIN_sallyport-manager := platform/manager/main.cc
MAIN_sallyport-dataplane := dataplane/main.cc
MAIN_sallyport-control := controlplane/main.cc
MAIN_sallyport := tools/cli/main.cc
MAINS := $(foreach p,$(PROGRAMS),$(MAIN_$(p)))

sources = $(filter-out $(MAINS),$(sort $(wildcard $(1)/*.cc)))
lib = $(BUILD)/lib/$(subst /,_,$(1)).a
libs_in = $(foreach d,$(1),$(if $(call sources,$(d)),$(call lib,$(d))))

PLATFORM_LIBS := $(call libs_in,$(PLATFORM_DIRS:%=platform/%))
MEDIA_LIBS := $(call libs_in,$(MEDIA_DIRS:%=media/%))
CONTROL_LIBS := $(call libs_in,$(CONTROL_DIRS:%=controlplane/%))
DATAPLANE_LIBS := $(call libs_in,$(DATAPLANE_DIRS:%=dataplane/%))
# The part of the dataplane that knows no rte_*: what the unit tests may link.
DATAPLANE_PURE_LIBS := $(call libs_in,dataplane/packet dataplane/flow dataplane/transform)

# Libraries that nothing of a program needs are left out (--as-needed).
PLATFORM_LDLIBS := -ljsoncpp -lre2 -lspdlog -lfmt -lmnl -lcrypto -lpthread
DPDK_DIRS := dataplane/port dataplane/worker
# Asked for once, when first needed: on a bare machine pkg-config comes with `make deps`.
once = $(eval $(1) := $(2))$($(1))
DPDK_CXXFLAGS = $(call once,DPDK_CXXFLAGS,$(shell pkg-config --cflags-only-other libdpdk) \
                $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I libdpdk)))
DPDK_LDLIBS = $(call once,DPDK_LDLIBS,$(shell pkg-config --libs libdpdk))

LIBS_sallyport-manager := $(PLATFORM_LIBS)
LIBS_sallyport-dataplane := $(DATAPLANE_LIBS) $(MEDIA_LIBS) $(PLATFORM_LIBS)
LIBS_sallyport-control := $(CONTROL_LIBS) $(MEDIA_LIBS) $(PLATFORM_LIBS)
LIBS_sallyport := $(call libs_in,tools/cli) $(PLATFORM_LIBS)
LDLIBS_sallyport-dataplane = $(DPDK_LDLIBS)
# Calls come and go by the thousand, in pieces of all sizes; glibc's allocator took a fifth of the control plane's time.
# The sanitizers bring their own.
TLS_LDLIBS := -lssl -lcrypto
LDLIBS_sallyport-control := $(TLS_LDLIBS) $(if $(filter release debug,$(MODE)),-lmimalloc)

# --- tests --------------------------------------------------------------------------------------------
UNIT_DIRS := $(sort $(patsubst tests/unit/%/,%,$(dir $(shell find tests/unit -name '*_test.cc'))))
unit_bin = $(BUILD)/tests/unit/$(subst /,_,$(1))_test
UNIT_TESTS := $(foreach d,$(UNIT_DIRS),$(call unit_bin,$(d)))
SUPPORT_LIB := $(if $(wildcard tests/support/*.cc),$(BUILD)/lib/tests_support.a)
SCENARIO_TEST := $(if $(wildcard tests/scenario/*_test.cc),$(BUILD)/tests/scenario_test)
PACKET_TEST := $(if $(wildcard tests/packet/*.cc),$(BUILD)/tests/packet_test)
# Programs that attack the product in the system cases: each its own main, of one or more files.
HOSTILE := $(patsubst %,$(BUILD)/tests/%,hostile_control flood)
SOURCES_hostile_control := tests/hostile/hostile_control.cc tests/hostile/attacks.cc tests/hostile/victim.cc
SOURCES_flood := tests/hostile/flood.cc tests/hostile/flood_frames.cc
CPPUTEST_LDLIBS := -lCppUTest -lCppUTestExt

# --- targets ------------------------------------------------------------------------------------------
BINARIES := $(foreach p,$(PROGRAMS),$(if $(wildcard $(MAIN_$(p))),$(BUILD)/bin/$(p)))
SIP_LOAD := $(BUILD)/tests/sip-load
SIP_MUTATOR := $(BUILD)/tests/sip-mutator
TEST_BINARIES := $(UNIT_TESTS) $(SCENARIO_TEST) $(PACKET_TEST) $(SIP_LOAD) $(SIP_MUTATOR) $(HOSTILE)
FUZZ_TARGETS := $(patsubst tests/fuzz/%.cc,$(BUILD)/bin/%,$(wildcard tests/fuzz/*_fuzz.cc))
DPDK_BENCHMARKS := pipeline_bench rtp_load_bench
BENCHMARKS := $(patsubst tests/bench/%.cc,$(BUILD)/bench/%,$(wildcard tests/bench/*_bench.cc))

.PHONY: all build libs tests programs-and-tests deps test test-long check run bench benchmarks fuzz fuzz-coverage fuzz-targets install compdb clean help
.DELETE_ON_ERROR:
.SECONDEXPANSION:
.DEFAULT_GOAL := all

# The packages come first: a bare machine has no compiler. `build` is what the others go on from.
all: deps
	@$(MAKE) --no-print-directory -j$(JOBS) build
build: $(BINARIES)
tests: $(TEST_BINARIES)
benchmarks: $(BENCHMARKS)
fuzz-targets: $(FUZZ_TARGETS)
programs-and-tests:
	@$(MAKE) --no-print-directory -j$(JOBS) build tests
libs: $(call libs_in,$(LIB_DIRS))

help:
	@sed -n 's/^#> //p' Makefile

#> make deps              install the Debian packages that build, tests and lab need
deps:
	@tools/deps

#> make all               build the programs (MODE=release|debug|asan|tsan) into build/MODE/bin
#> make test              build and run every quick suite; ends with `N passed, N failed`
test: deps
	@$(MAKE) --no-print-directory programs-and-tests
	@tools/run-tests --build $(BUILD)

#> make test-long         every suite under each sanitizer, and the large system cases
test-long: deps
	@tools/test-long

#> make fuzz SECONDS=30   libFuzzer with ASan and UBSan, so long for each target (RUNS=n: so many executions, TARGETS="sdp rtp": only these)
SECONDS ?= 30
fuzz:
	@tools/deps --fuzz
	@$(MAKE) --no-print-directory MODE=fuzz -j$(JOBS) fuzz-targets
	@tools/fuzz run --seconds $(SECONDS) $(if $(RUNS),--runs $(RUNS)) $(TARGETS)

#> make fuzz-coverage     lines of the parsers that the corpora of tests/fuzz reach; fails below 90 %
fuzz-coverage:
	@tools/deps --fuzz
	@$(MAKE) --no-print-directory MODE=fuzz-coverage -j$(JOBS) fuzz-targets
	@tools/fuzz coverage

#> make check             include table, lone headers, format, clang-tidy
check:
	@tools/deps --check
	@$(MAKE) --no-print-directory -j$(JOBS) build benchmarks
	@$(MAKE) --no-print-directory -s compdb
	@tools/check --build $(BUILD)

#> make run               lab up, a call with audio through the gate, shown live and as a record
run: deps
	@$(MAKE) --no-print-directory -j$(JOBS) build
	@tools/run-call --build $(BUILD)

#> make bench             benchmarks, as ratios against references measured in the same run (ONLY=relay: that one)
ONLY ?=
bench:
	@tools/deps --bench
	@$(MAKE) --no-print-directory -j$(JOBS) build benchmarks
	@tools/bench --build $(BUILD) $(ONLY)

#> make install DESTDIR=  programs, schema and an example of a configuration below DESTDIR
PREFIX ?= /usr
install: build
	install -D -m 0755 -t $(DESTDIR)$(PREFIX)/bin $(BUILD)/bin/sallyport
	install -D -m 0755 -t $(DESTDIR)$(PREFIX)/lib/sallyport $(filter-out $(BUILD)/bin/sallyport,$(BINARIES))
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/sallyport platform/config/schema.json
	install -D -m 0644 tests/config/minimal.json $(DESTDIR)$(PREFIX)/share/sallyport/example.json

#> make compdb            compile_commands.json for clangd and clang-tidy
compdb:
	@$(MAKE) --no-print-directory -nB libs build tests benchmarks | tools/compdb > compile_commands.json

#> make clean             remove build/
clean:
	rm -rf build compile_commands.json

# --- rules --------------------------------------------------------------------------------------------
$(foreach d,$(DPDK_DIRS),$(eval $(BUILD)/obj/$(d)/%.o: EXTRA = $$(DPDK_CXXFLAGS)))
$(BUILD)/obj/dataplane/main.o: EXTRA = $(DPDK_CXXFLAGS)
$(foreach b,$(DPDK_BENCHMARKS),$(eval $(BUILD)/obj/tests/bench/$(b).o: EXTRA = $$(DPDK_CXXFLAGS))$(eval LDLIBS_$(b) = $$(DPDK_LDLIBS)))
$(BUILD)/obj/tests/bench/sip_parse/sofia.o: EXTRA = -isystem /usr/include/sofia-sip-1.12
LDLIBS_sip_parse_bench := -losipparser2 -lsofia-sip-ua
# The tests' own code need not be fast, it need only be compiled fast.
TEST_CXXFLAGS := $(if $(filter release,$(MODE)),-O0 -U_FORTIFY_SOURCE)
$(foreach d,unit packet scenario support,$(eval $(BUILD)/obj/tests/$(d)/%.o: EXTRA = $(TEST_CXXFLAGS)))
# What a benchmark links with the product must: the linker takes one copy of each template, perhaps theirs.
$(foreach o,scenario/fake_dataplane scenario/view,$(eval $(BUILD)/obj/tests/$(o).o: EXTRA =))

# A changed flag recompiles or links anew, a source that came or went makes its library anew; a comment here does neither.
stamp = $(if $(findstring x$(strip $(2))x,x$(strip $(file <$(1)))x),,$(shell mkdir -p $(dir $(1)))$(file >$(1),$(strip $(2))))
FLAGS_STAMP := $(BUILD)/flags
LINK_STAMP := $(BUILD)/link-flags
SOURCES_STAMP := $(BUILD)/sources
ifeq ($(filter clean help deps,$(MAKECMDGOALS)),)
# Without DPDK nothing can be built yet: `make deps` runs first, and the make that builds reads this again.
DPDK_FOUND := $(shell command -v pkg-config >/dev/null && pkg-config --exists libdpdk && echo yes)
$(call stamp,$(FLAGS_STAMP),$(CXX) $(CXXFLAGS) $(TEST_CXXFLAGS) $(if $(filter yes,$(DPDK_FOUND)),$(DPDK_CXXFLAGS)))
$(call stamp,$(LINK_STAMP),$(CXX) $(LDFLAGS) $(PLATFORM_LDLIBS) $(CPPUTEST_LDLIBS) $(if $(filter yes,$(DPDK_FOUND)),$(DPDK_LDLIBS)))
$(call stamp,$(SOURCES_STAMP),$(foreach d,$(LIB_DIRS) tests/support tests/scenario tests/packet tests/load tests/mutate,$(sort $(wildcard $(d)/*.cc))) $(shell find tests/unit -name '*_test.cc' | sort))
endif

$(BUILD)/obj/%.o: %.cc $(FLAGS_STAMP)
	@mkdir -p $(@D)
	@echo "  CXX   $<"
	@$(CXX) $(CXXFLAGS) $(EXTRA) -MMD -MP -c $< -o $@

# The schema travels inside the programs: there is no file that could be of another version.
$(BUILD)/obj/platform/config/schema_data.o: platform/config/schema.json

define lib_rule
$(call lib,$(1)): $(patsubst %.cc,$(BUILD)/obj/%.o,$(call sources,$(1))) $(SOURCES_STAMP)
	@mkdir -p $$(@D)
	@rm -f $$@
	@ar rcs $$@ $$(filter %.o,$$^)
endef
$(foreach d,$(LIB_DIRS) tests/support,$(if $(call sources,$(d)),$(eval $(call lib_rule,$(d)))))

link = $(CXX) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group

$(BUILD)/bin/%: $$(addprefix $(BUILD)/obj/,$$(subst .cc,.o,$$(MAIN_$$*))) $$(LIBS_$$*) $(LINK_STAMP)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(link) $(LDLIBS_$*) $(PLATFORM_LDLIBS)

# A unit test links the libraries of its own side only.
unit_libs = $(if $(filter dataplane/%,$(1)),$(DATAPLANE_PURE_LIBS) $(if $(filter dataplane/slowpath,$(1)),$(call libs_in,dataplane/slowpath)) $(MEDIA_LIBS) $(PLATFORM_LIBS),\
            $(if $(filter controlplane/%,$(1)),$(CONTROL_LIBS) $(MEDIA_LIBS) $(PLATFORM_LIBS),\
            $(if $(filter media/%,$(1)),$(MEDIA_LIBS) $(call libs_in,platform/base),\
            $(if $(filter platform/base,$(1)),$(call libs_in,platform/base),\
            $(if $(filter tools/%,$(1)),$(call libs_in,tools/cli) $(PLATFORM_LIBS),$(PLATFORM_LIBS))))))
define unit_rule
$(call unit_bin,$(1)): $(patsubst %.cc,$(BUILD)/obj/%.o,$(wildcard tests/unit/$(1)/*_test.cc)) $(SOURCES_STAMP) $(LINK_STAMP) $(SUPPORT_LIB) $(call unit_libs,$(1))
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$$(link) $(CPPUTEST_LDLIBS) $(if $(filter controlplane/%,$(1)),$(TLS_LDLIBS)) $(if $(filter media/% platform/base,$(1)),,$(PLATFORM_LDLIBS))
endef
$(foreach d,$(UNIT_DIRS),$(eval $(call unit_rule,$(d))))

# What sip-mutator sends, also on virtual time.
MUTATOR_OBJS := $(patsubst %.cc,$(BUILD)/obj/%.o,$(addprefix tests/mutate/,mutator.cc mutations.cc plain_message.cc))
$(BUILD)/tests/scenario_test: $(patsubst %.cc,$(BUILD)/obj/%.o,$(wildcard tests/scenario/*.cc)) $(MUTATOR_OBJS) $(SOURCES_STAMP) $(LINK_STAMP) $(SUPPORT_LIB) $(CONTROL_LIBS) $(MEDIA_LIBS) $(PLATFORM_LIBS)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(link) $(CPPUTEST_LDLIBS) $(PLATFORM_LDLIBS)

$(BUILD)/tests/packet_test: $(patsubst %.cc,$(BUILD)/obj/%.o,$(wildcard tests/packet/*.cc)) $(SOURCES_STAMP) $(LINK_STAMP) $(SUPPORT_LIB) $(DATAPLANE_PURE_LIBS) $(MEDIA_LIBS) $(PLATFORM_LIBS)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(link) $(CPPUTEST_LDLIBS) $(PLATFORM_LDLIBS)

$(HOSTILE): $(BUILD)/tests/%: $$(addprefix $(BUILD)/obj/,$$(subst .cc,.o,$$(SOURCES_$$*))) $(PLATFORM_LIBS) $(LINK_STAMP)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(link) $(PLATFORM_LDLIBS)

# A static library gives only what is asked for: a target carries the code that it fuzzes.
$(FUZZ_TARGETS): $(BUILD)/bin/%: $(BUILD)/obj/tests/fuzz/%.o $(SOURCES_STAMP) $(LINK_STAMP) $(CONTROL_LIBS) $(DATAPLANE_PURE_LIBS) $(MEDIA_LIBS) $(PLATFORM_LIBS)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(link) -fsanitize=fuzzer $(PLATFORM_LDLIBS)

$(SIP_LOAD): $(patsubst %.cc,$(BUILD)/obj/%.o,$(wildcard tests/load/*.cc)) $(SOURCES_STAMP) $(LINK_STAMP) $(call libs_in,platform/base platform/os)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(link) $(PLATFORM_LDLIBS) $(TLS_LDLIBS)

# With the sockets of sip-load.
$(SIP_MUTATOR): $(patsubst %.cc,$(BUILD)/obj/%.o,$(wildcard tests/mutate/*.cc) $(addprefix tests/load/,udp_port.cc stream_port.cc tls_end.cc socket_port.cc sip_scan.cc)) $(SOURCES_STAMP) $(LINK_STAMP) $(call libs_in,platform/base platform/os)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(link) $(PLATFORM_LDLIBS) $(TLS_LDLIBS)

BENCH_OBJECTS_engine_bench := $(patsubst %,$(BUILD)/obj/tests/%.o,scenario/fake_dataplane scenario/view load/agent load/agent_calls load/sip_scan)
BENCH_OBJECTS_sip_parse_bench := $(patsubst %.cc,$(BUILD)/obj/%.o,$(wildcard tests/bench/sip_parse/*.cc))
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $$(BENCH_OBJECTS_$$*) $(SUPPORT_LIB) $(CONTROL_LIBS) $(DATAPLANE_LIBS) $(MEDIA_LIBS) $(PLATFORM_LIBS) $(LINK_STAMP)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(link) $(LDLIBS_$*) $(PLATFORM_LDLIBS)

# What tools/check asks for, so that its flags are those of the build.
print-%:
	@echo '$($*)'

.SECONDARY:
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
