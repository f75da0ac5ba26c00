#include "vmm/kvm/object_names.hpp"

#include <fmt/format.h>
#include <linux/kvm.h>
#include <sys/stat.h>

namespace rvmm::vmm::kvm {
namespace {

std::string_view device_name(std::uint64_t type) {
    switch (type) {
        case KVM_DEV_TYPE_ARM_VGIC_V2:
            return "gicv2";
        case KVM_DEV_TYPE_ARM_VGIC_V3:
            return "gicv3";
        case KVM_DEV_TYPE_ARM_VGIC_ITS:
            return "its";
        default:
            return "device";
    }
}

std::string base_name(ObjectKind kind, std::uint64_t number) {
    switch (kind) {
        case ObjectKind::kSystem:
            return "kvm";
        case ObjectKind::kVm:
            return "vm";
        case ObjectKind::kVcpu:
            return fmt::format("vcpu{}", number);
        case ObjectKind::kGuestMemfd:
            return "gmem";
        case ObjectKind::kDevice:
            return std::string(device_name(number));
        case ObjectKind::kMemfd:
            return "memfd";
        case ObjectKind::kNone:
            break;
    }
    return "object";
}

}  // namespace

const ObjectNames::Object& ObjectNames::add(int fd, ObjectKind kind, const Object* parent,
                                            std::uint64_t number) {
    Object object = {kind, {}, {}, 0, 0};
    const std::string base = (parent != nullptr ? parent->prefix : "") + base_name(kind, number);
    const unsigned before = used_[base]++;
    if (kind == ObjectKind::kGuestMemfd || kind == ObjectKind::kMemfd)
        object.name = fmt::format("{}{}", base, before);
    else
        object.name = before == 0 ? base : fmt::format("{}{}", base, before + 1);
    if (kind == ObjectKind::kVm && before != 0) object.prefix = object.name + "/";
    struct stat status = {};
    if (::fstat(fd, &status) == 0) {
        object.device = status.st_dev;
        object.inode = status.st_ino;
    }
    return objects_[fd] = std::move(object);
}

const ObjectNames::Object* ObjectNames::find(int fd) const {
    const auto found = objects_.find(fd);
    return found != objects_.end() ? &found->second : nullptr;
}

const ObjectNames::Object& ObjectNames::file(int fd) {
    const Object* known = find(fd);
    struct stat status = {};
    const bool is_open = ::fstat(fd, &status) == 0;
    if (known != nullptr &&
        (known->kind == ObjectKind::kGuestMemfd || known->kind == ObjectKind::kMemfd) &&
        (!is_open || (status.st_dev == known->device && status.st_ino == known->inode)))
        return *known;
    return add(fd, ObjectKind::kMemfd, nullptr, 0);
}

std::string ObjectNames::name(int fd) const {
    if (fd == -1) return "none";
    const Object* object = find(fd);
    return object != nullptr ? object->name : "?";
}

}  // namespace rvmm::vmm::kvm
