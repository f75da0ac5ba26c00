#include "vmm/lab/lab_image.hpp"

#include <algorithm>
#include <array>

#include <sys/stat.h>

#include "base/file.hpp"
#include "realm/layout/unpack.hpp"
#include "vmm/lab/init_scripts.hpp"
#include "vmm/lab/kernel_modules.hpp"

namespace rvmm::vmm::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxFile = UINT32_MAX;  // what cpio can hold
constexpr std::uint64_t kMaxModule = 64U << 20;

struct TextFile {
    std::string_view path;
    std::string_view text;
};

constexpr std::array kTextFiles = {
    TextFile{"etc/passwd",
             "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n"},
    TextFile{"etc/group", "root:x:0:\ntty:x:5:\nkvm:x:108:\nnogroup:x:65534:\n"},
    TextFile{"etc/hosts", "127.0.0.1 localhost lab\n::1 localhost lab\n"},
    TextFile{"etc/hostname", "lab\n"},
    TextFile{"etc/resolv.conf", "nameserver 127.0.0.1\n"},
    TextFile{"etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
};

/// Puts a file's path where it lies in a root whose /bin, /sbin and /lib are links into /usr.
std::string merged(std::string_view path) {
    for (const std::string_view top : {"bin/", "sbin/", "lib/"})
        if (path.starts_with(top)) return "usr/" + std::string(path);
    return std::string(path);
}

/// The root as it grows: small things in the initramfs, large files in the payload.
class Packer {
  public:
    Result<> add_directory(std::string_view path, unsigned mode) {
        const std::string staged = stage(path);
        RVMM_CHECK(initramfs_.add_parents(staged));
        return initramfs_.add_directory(staged, mode);
    }
    Result<> add_symlink(std::string_view path, std::string_view target) {
        const std::string staged = stage(path);
        RVMM_CHECK(initramfs_.add_parents(staged));
        return initramfs_.add_symlink(staged, target);
    }
    Result<> add_small(std::string_view path, ByteSpan content, unsigned mode) {
        const std::string staged = stage(path);
        RVMM_CHECK(initramfs_.add_parents(staged));
        return initramfs_.add_file(staged, content, mode);
    }
    Result<> add_file(std::string_view path, ByteSpan content, unsigned mode) {
        if (content.size() <= kLargeFile) return add_small(path, content, mode);
        // No parents here: unpacking must not change the mode of a folder such as /tmp.
        return payload_.add_file(merged(path), content, mode);
    }

    bool has_payload() const { return !payload_.empty(); }

    Result<LabImage> finish() && {
        RVMM_CHECK(initramfs_.add_file("init", as_bytes(early_init()), 0755));
        LabImage image{std::move(initramfs_).finish(4), {}};
        if (has_payload()) image.payload = std::move(payload_).finish(kSectorSize);
        return image;
    }

  private:
    static std::string stage(std::string_view path) {
        return fmt::format("{}/{}", kStagedRoot, merged(path));
    }

    CpioArchive initramfs_;
    CpioArchive payload_;
};

Result<> add_from_disk(Packer& packer, const fs::path& source, std::string_view path, unsigned mode,
                       bool small) {
    RVMM_TRY(const Bytes content, read_file("the lab's", source, kMaxFile));
    return small ? packer.add_small(path, content, mode) : packer.add_file(path, content, mode);
}

Result<> add_skeleton(Packer& packer, const LabConfig& config) {
    for (const std::string_view folder : {"usr/bin", "usr/sbin", "usr/lib", "proc", "sys", "dev",
                                          "run", "mnt", "etc", "job", "usr/lib/rvmm/modules"})
        RVMM_CHECK(packer.add_directory(folder, 0755));
    RVMM_CHECK(packer.add_directory("tmp", 01777));
    RVMM_CHECK(packer.add_directory("root", 0700));
    for (const std::string_view link : {"bin", "sbin", "lib"})
        RVMM_CHECK(packer.add_symlink(link, fmt::format("usr/{}", link)));
    for (const TextFile& file : kTextFiles)
        RVMM_CHECK(packer.add_small(file.path, as_bytes(file.text), 0644));
    RVMM_CHECK(packer.add_small("usr/lib/rvmm/init", as_bytes(host_init()), 0755));
    RVMM_CHECK(add_from_disk(packer, config.busybox, "usr/bin/busybox", 0755, true));
    return add_from_disk(packer, config.arm64_rvmm, "usr/bin/rvmm", 0755, true);
}

Result<> add_tree_entry(Packer& packer, const fs::path& root, const fs::path& source) {
    const std::string path = source.lexically_relative(root).native();
    struct stat status = {};
    if (::lstat(source.c_str(), &status) != 0)
        return fail_errno(Stage::kHostCannot, errno, "cannot look at {}", source.native());
    if (S_ISLNK(status.st_mode)) {
        std::error_code error;
        const fs::path target = fs::read_symlink(source, error);
        if (error) return fail(Stage::kHostCannot, "cannot read the link {}", source.native());
        const bool merged_link = path == "bin" || path == "sbin" || path == "lib";
        return merged_link ? Result<>() : packer.add_symlink(path, target.native());
    }
    if (S_ISDIR(status.st_mode)) {
        const bool merged_folder = path == "bin" || path == "sbin" || path == "lib";
        return merged_folder ? Result<>() : packer.add_directory(path, status.st_mode);
    }
    if (S_ISREG(status.st_mode)) return add_from_disk(packer, source, path, status.st_mode, false);
    return {};  // sockets and devices have no meaning in another machine
}

Result<> add_tree(Packer& packer, const fs::path& root) {
    std::vector<fs::path> entries;
    std::error_code error;
    for (fs::recursive_directory_iterator it(root, error), end; !error && it != end;
         it.increment(error))
        entries.push_back(it->path());
    if (error)
        return fail(Stage::kHostCannot, "cannot list {}: {}", root.native(), error.message());
    std::ranges::sort(entries);  // the file system's order is not ours
    for (const fs::path& entry : entries) RVMM_CHECK(add_tree_entry(packer, root, entry));
    return {};
}

Result<> add_lab_file(Packer& packer, const LabFile& file) {
    const std::string_view path = file.path;
    for (const std::string_view reserved : {"/dev/", "/proc/", "/sys/"})
        if (path.starts_with(reserved))
            return fail(Stage::kImage, "{} cannot be put into the lab: {} is the kernel's", path,
                        reserved);
    if (!path.starts_with('/'))
        return fail(Stage::kImage, "{} cannot be put into the lab: it is not absolute", path);
    return packer.add_file(path.substr(1), *file.content, file.mode);
}

/// The names begin with the order in which the machine loads them.
Result<> add_module(Packer& packer, unsigned position, const fs::path& file) {
    const auto name = [&](const fs::path& leaf) {
        return fmt::format("usr/lib/rvmm/modules/{:02}-{}", position, leaf.native());
    };
    if (file.extension() != ".zst")
        return add_from_disk(packer, file, name(file.filename()), 0444, true);
    // The others are unpacked inside, where nothing unpacks these.
    RVMM_TRY(const Bytes packed, read_file("module", file, kMaxModule));
    const auto module = realm::unpack_zstd(packed, kMaxModule);
    if (!module)
        return std::unexpected(Error(module.error())
                                   .with_context(fmt::format("module {}", file.native()))
                                   .with_stage(Stage::kHostCannot));
    return packer.add_small(name(file.stem()), module->source(), 0444);
}

/// What the machine needs to speak to us, and to see the disk with the payload.
Result<> add_modules(Packer& packer, const LabConfig& config,
                     const std::vector<std::string_view>& more_modules) {
    if (packer.has_payload()) RVMM_CHECK(packer.add_small("usr/lib/rvmm/payload", {}, 0444));
    if (!config.modules) return {};
    std::vector<std::string_view> wanted = {"virtio_pci", "virtio_console"};
    if (packer.has_payload()) wanted.push_back("virtio_blk");
    wanted.insert(wanted.end(), more_modules.begin(), more_modules.end());
    std::vector<fs::path> files;
    for (const std::string_view module : wanted) {
        RVMM_TRY(const auto more, files_for_module(*config.modules, module));
        for (const fs::path& file : more)
            if (std::ranges::find(files, file) == files.end()) files.push_back(file);
    }
    for (unsigned i = 0; i < files.size(); ++i) RVMM_CHECK(add_module(packer, i, files[i]));
    return {};
}

}  // namespace

Result<LabImage> build_lab_image(const LabConfig& config, const std::vector<LabFile>& files,
                                 const std::vector<std::string_view>& modules) {
    Packer packer;
    RVMM_CHECK(add_skeleton(packer, config));
    if (config.root) RVMM_CHECK(add_tree(packer, *config.root));
    for (const LabFile& file : files) RVMM_CHECK(add_lab_file(packer, file));
    RVMM_CHECK(add_modules(packer, config, modules));
    return std::move(packer).finish();
}

}  // namespace rvmm::vmm::lab
