// The schema as bytes in the program. The assembler finds the file from the root of the tree, where every
// build runs.

#include <cstddef>
#include <string_view>

#include "platform/config/effective.h"

// NOLINTNEXTLINE(hicpp-no-assembler): the language has no #embed yet
asm(R"(
    .section .rodata
    .global sallyport_config_schema_begin
    .global sallyport_config_schema_end
    .hidden sallyport_config_schema_begin
    .hidden sallyport_config_schema_end
sallyport_config_schema_begin:
    .incbin "platform/config/schema.json"
sallyport_config_schema_end:
    .byte 0
    .previous
)");

extern "C" const char sallyport_config_schema_begin[];
extern "C" const char sallyport_config_schema_end[];

namespace sallyport::config {

std::string_view schema_text() {
    return {sallyport_config_schema_begin,
            static_cast<std::size_t>(sallyport_config_schema_end - sallyport_config_schema_begin)};
}

}  // namespace sallyport::config
