// Names for the descriptors of a run's KVM objects, the same in every run: kvm, vm, vcpu0, gmem0,
// gicv3, its, memfd0; a second VM's are vm2, vm2/vcpu0 and so on.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "vmm/kvm/call_form.hpp"

namespace rvmm::vmm::kvm {

/// Not thread-safe.
class ObjectNames {
  public:
    struct Object {
        ObjectKind kind;
        std::string name;
        std::string prefix;  // of the names of its children
        dev_t device = 0;    // of a file, which tells it from one that got its number later
        ino_t inode = 0;
    };

    /// A new object behind `fd`; what had that number is closed. `number` is a vCPU's id or a
    /// device's type; `parent` the object that made it, nullptr for none.
    const Object& add(int fd, ObjectKind kind, const Object* parent, std::uint64_t number);
    /// What `fd` stands for; nullptr if no call made it.
    const Object* find(int fd) const;
    /// What `fd` stands for as a file: a guest_memfd, or a memfd that no call told of until now.
    const Object& file(int fd);
    /// Its name, or "none" for -1, or "?".
    std::string name(int fd) const;

  private:
    std::map<int, Object> objects_;
    std::map<std::string, unsigned> used_;  // how often a name was given
};

}  // namespace rvmm::vmm::kvm
