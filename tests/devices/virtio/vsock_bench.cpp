#include "devices/virtio/vsock_bench.hpp"

#include <cerrno>

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace rvmm::devices::virtio {

SocketFolder::SocketFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "vsock-XXXXXX").native();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
}

SocketFolder::~SocketFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

HostSocket HostSocket::connect(const std::filesystem::path& path) {
    auto fd = VsockSocketFile::dial(path);
    EXPECT_TRUE(fd) << path;
    return fd ? HostSocket(*std::move(fd)) : HostSocket();
}

std::size_t HostSocket::send(std::string_view text) {
    const auto sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

void HostSocket::poll(std::size_t most) {
    const std::size_t before = input_.size();
    input_.resize(before + most);
    const auto seen = ::recv(fd_.get(), input_.data() + before, most, MSG_DONTWAIT);
    input_.resize(before + (seen > 0 ? static_cast<std::size_t>(seen) : 0));
    if (seen == 0 || (seen < 0 && errno != EAGAIN)) ended_ = true;
}

void HostSocket::shut_down(int how) {
    EXPECT_EQ(::shutdown(fd_.get(), how), 0);
}

void VsockBench::attach(std::size_t max_connections) {
    auto host = VsockUnixHost::create(bench.loop, path);
    ASSERT_TRUE(host) << host.error().message();
    auto made = Vsock::create(bench.loop, "vsock0", kCid, *std::move(host), max_connections);
    ASSERT_TRUE(made) << made.error().message();
    device = *std::move(made);
    bench.attach(device);
}

void VsockBench::start(std::uint32_t size, std::uint16_t count) {
    bench.start();
    buffer_size_ = size;
    sent_ = 0;
    came_.clear();
    give_buffers(count);
}

void VsockBench::give_buffers(std::uint16_t count) {
    for (std::uint16_t i = 0; i < count; ++i)
        bench.queue(Vsock::kReceive).offer(i, {{receive_buffer(i), buffer_size_, kPartWrite}});
    bench.kick(Vsock::kReceive);
}

void VsockBench::send(VsockHeader header, std::string_view payload, bool raw) {
    if (!raw) {
        header.src_cid = kCid;
        header.dst_cid = kVsockHostCid;
        header.len = static_cast<std::uint32_t>(payload.size());
    }
    const auto slot = static_cast<std::uint16_t>(sent_++ % DeviceBench::kQueueSize);
    header.encode(bench.memory.at(send_buffer(slot), VsockHeader::kSize));
    bench.put(send_buffer(slot) + VsockHeader::kSize, payload);
    bench.queue(Vsock::kTransmit)
        .offer(slot, {{send_buffer(slot),
                       static_cast<std::uint32_t>(VsockHeader::kSize + payload.size())}});
    bench.kick(Vsock::kTransmit);
}

std::vector<VsockPacket> VsockBench::received(bool give_back) {
    std::vector<VsockPacket> packets;
    auto& queue = bench.queue(Vsock::kReceive);
    const auto used = queue.used();
    for (const auto& [id, length] : used) {
        const auto bytes = bench.memory.at(receive_buffer(id), length);
        const VsockHeader header = VsockHeader::decode(bytes);
        EXPECT_EQ(length, VsockHeader::kSize + header.len);
        EXPECT_EQ(header.src_cid, kVsockHostCid);
        EXPECT_EQ(header.dst_cid, kCid);
        packets.push_back(
            {header, bench.text(receive_buffer(id) + VsockHeader::kSize, header.len)});
        if (give_back)
            queue.offer(static_cast<std::uint16_t>(id),
                        {{receive_buffer(id), buffer_size_, kPartWrite}});
    }
    if (!used.empty() && give_back) bench.kick(Vsock::kReceive);
    return packets;
}

bool VsockBench::run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        bench.loop.restart();
        bench.loop.run_one_for(std::chrono::microseconds(100));
    }
    return true;
}

VsockPacket VsockBench::next() {
    EXPECT_TRUE(run_until([&] {
        auto more = received();
        std::ranges::move(more, std::back_inserter(came_));
        return !came_.empty();
    })) << "no packet comes";
    if (came_.empty()) return {};
    VsockPacket first = std::move(came_.front());
    came_.erase(came_.begin());
    return first;
}

bool VsockBench::quiet() {
    for (int i = 0; i < 20; ++i) {
        bench.loop.restart();
        bench.loop.run_for(std::chrono::milliseconds(1));
    }
    auto more = received();
    std::ranges::move(more, std::back_inserter(came_));
    return came_.empty();
}

std::string VsockBench::read(HostSocket& socket, std::size_t size) {
    EXPECT_TRUE(run_until([&] {
        socket.poll();
        return socket.input().size() >= size || socket.ended();
    })) << "the host reads "
        << socket.input().size();
    return socket.take();
}

bool VsockBench::ends(HostSocket& socket) {
    return run_until([&] {
        socket.poll();
        return socket.ended();
    });
}

VsockHeader VsockBench::header(std::uint32_t guest, std::uint32_t host, VsockOp op,
                               std::uint32_t buffer, std::uint32_t forwarded, std::uint32_t flags) {
    return {.src_port = guest,
            .dst_port = host,
            .op = op,
            .flags = flags,
            .buf_alloc = buffer,
            .fwd_cnt = forwarded};
}

std::pair<HostSocket, std::uint32_t> VsockBench::accept(std::uint32_t guest_port,
                                                        std::uint32_t buffer) {
    auto client = HostSocket::connect(path);
    const std::string line = "CONNECT " + std::to_string(guest_port) + "\n";
    EXPECT_EQ(client.send(line), line.size());
    const VsockHeader request = next().header;
    EXPECT_EQ(request.op, VsockOp::kRequest);
    EXPECT_EQ(request.dst_port, guest_port);
    send(header(guest_port, request.src_port, VsockOp::kResponse, buffer));
    const std::string answer = "OK " + std::to_string(request.src_port) + "\n";
    EXPECT_EQ(read(client, answer.size()), answer);
    return {std::move(client), request.src_port};
}

VsockSocketFile VsockBench::listen(std::uint32_t port) const {
    auto file = VsockSocketFile::listen(path.native() + "_" + std::to_string(port));
    EXPECT_TRUE(file) << file.error().message();
    return *std::move(file);
}

HostSocket VsockBench::accepted(const VsockSocketFile& file) {
    return HostSocket(UniqueFd(::accept4(file.fd(), nullptr, nullptr, SOCK_CLOEXEC)));
}

HostSocket VsockBench::connect(std::uint32_t guest_port, std::uint32_t port, std::uint32_t buffer) {
    const auto listener = listen(port);
    send(header(guest_port, port, VsockOp::kRequest, buffer));
    const VsockHeader answer = next().header;
    EXPECT_EQ(answer.op, VsockOp::kResponse);
    EXPECT_EQ(answer.src_port, port);
    EXPECT_EQ(answer.dst_port, guest_port);
    return accepted(listener);
}

std::uint64_t VsockBench::counter(std::string_view name) const {
    for (const Counter& counter : device->counters())
        if (counter.name == name) return counter.value;
    ADD_FAILURE() << "no counter " << name;
    return 0;
}

}  // namespace rvmm::devices::virtio
