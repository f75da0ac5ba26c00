#include "realm/image_builder.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

namespace rvmm::realm::test {
namespace {

void put(Bytes& bytes, std::size_t offset, std::string_view text) {
    std::ranges::copy(as_bytes(text), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}
MutableByteSpan at(Bytes& bytes, std::size_t offset) {
    return MutableByteSpan(bytes).subspan(offset);
}

}  // namespace

Bytes ImageBuilder::build() const {
    Bytes image(size);
    for (std::size_t i = 64; i < size; ++i) image[i] = static_cast<std::byte>(i * 7 + 1);
    store_le<std::uint64_t>(at(image, 8), text_offset);
    store_le<std::uint64_t>(at(image, 16), image_size);
    store_le<std::uint64_t>(at(image, 24), flags);
    put(image, 56, "ARM\x64");
    return image;
}

Bytes gzip(ByteSpan bytes) {
    z_stream stream = {};
    if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error("deflateInit2");
    Bytes packed(deflateBound(&stream, static_cast<uLong>(bytes.size())));
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    const int result = deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    if (result != Z_STREAM_END) throw std::runtime_error("deflate");
    return packed;
}

Bytes zstd(ByteSpan bytes) {
    Bytes packed(ZSTD_compressBound(bytes.size()));
    const std::size_t size =
        ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 1);
    if (ZSTD_isError(size)) throw std::runtime_error("ZSTD_compress");
    packed.resize(size);
    return packed;
}

Bytes zboot(ByteSpan payload, std::string_view compression) {
    Bytes file(4096);
    put(file, 0, "MZ");
    put(file, 4, "zimg");
    store_le<std::uint32_t>(at(file, 8), 4096);
    store_le<std::uint32_t>(at(file, 12), static_cast<std::uint32_t>(payload.size()));
    put(file, 24, compression);
    return concatenated(std::move(file), payload);
}

Bytes bytes_of(std::string_view text) {
    const ByteSpan bytes = as_bytes(text);
    return Bytes(bytes.begin(), bytes.end());
}

Bytes concatenated(Bytes a, ByteSpan b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

TempDir::TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "rvmm-test-XXXXXX").native();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
}

TempDir::~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TempDir::write(const char* name, ByteSpan bytes) const {
    std::ofstream file(path_ / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path_ / name;
}

RealmSpec realm_spec(std::uint64_t memory, std::uint32_t vcpus) {
    RealmSpec spec = vm_spec(memory, vcpus);
    spec.realm = RealmParameters{};
    return spec;
}

RealmSpec vm_spec(std::uint64_t memory, std::uint32_t vcpus) {
    RealmSpec spec;
    spec.machine = {.vcpus = vcpus, .memory = memory};
    return spec;
}

}  // namespace rvmm::realm::test
