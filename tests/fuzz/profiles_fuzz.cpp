// ProfileTable::with_text() on any bytes: it refuses with one line that says where, or gives a
// table that keeps its contract.
#include <cstdlib>
#include <set>
#include <string_view>

#include "realm/plan/profile_text.hpp"

namespace {

using namespace rvmm;

void require(bool condition) {
    if (!condition) std::abort();
}

void check_row(const realm::Profile& row) {
    require(!row.name.empty() && row.name.size() <= 128 && row.host.size() <= 128);
    require(!row.hashes.empty() && row.hashes.size() <= 3);
    require(row.page_size == 4096 || row.page_size == 16384 || row.page_size == 65536);
    require(row.verified || !row.note.empty() || row.note.size() <= 200);
    require(realm::to_text(row).size() < 4096);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto table = realm::ProfileTable::with_text(text, "mine.toml");
    if (!table) {
        const std::string& message = table.error().message();
        require(table.error().stage() == Stage::kConfig);
        require(message.starts_with("mine.toml") && message.find('\n') == std::string::npos);
        return 0;
    }
    std::set<std::string_view> names;
    for (const realm::Profile& row : table->rows()) {
        check_row(row);
        require(names.insert(row.name).second);
    }
    require(realm::to_json(table->rows()).ends_with("}\n"));
    return 0;
}
