#include "devices/virtio/vsock_packet.hpp"

#include <type_traits>

namespace rvmm::devices::virtio {
namespace {

/// The layout: each field in order, without gaps.
template <typename Header, typename Visit>
constexpr void for_each_vsock_field(Header& header, const Visit& visit) {
    visit(header.src_cid);
    visit(header.dst_cid);
    visit(header.src_port);
    visit(header.dst_port);
    visit(header.len);
    visit(header.type);
    visit(header.op);
    visit(header.flags);
    visit(header.buf_alloc);
    visit(header.fwd_cnt);
}

constexpr std::size_t vsock_header_size() {
    std::size_t size = 0;
    VsockHeader header;
    for_each_vsock_field(header, [&](auto& field) { size += sizeof(field); });
    return size;
}
static_assert(vsock_header_size() == VsockHeader::kSize);

}  // namespace

VsockHeader VsockHeader::decode(ByteSpan bytes) {
    VsockHeader header;
    for_each_vsock_field(header, [&]<typename T>(T& field) {
        if constexpr (std::is_enum_v<T>)
            field = static_cast<T>(load_le<std::underlying_type_t<T>>(bytes));
        else
            field = load_le<T>(bytes);
        bytes = bytes.subspan(sizeof(T));
    });
    return header;
}

void VsockHeader::encode(MutableByteSpan bytes) const {
    for_each_vsock_field(*this, [&]<typename T>(const T& field) {
        if constexpr (std::is_enum_v<T>)
            store_le(bytes, static_cast<std::underlying_type_t<T>>(field));
        else
            store_le(bytes, field);
        bytes = bytes.subspan(sizeof(T));
    });
}

}  // namespace rvmm::devices::virtio
