#include "vmm/cca/causes.hpp"

#include <array>
#include <cerrno>

namespace rvmm::vmm::cca {
namespace {

struct Cause {
    Step step;
    int error_number;
    std::string_view text;
};

constexpr std::array kCauses = {
    Cause{Step::kPopulate, ENXIO,
          "usually the RMM refused: it and the kernel are of different drafts of RMI, or it has no "
          "memory left that it can take (rvmm doctor; the host's boot log)"},
    Cause{Step::kPopulate, EINVAL,
          "usually the page is not in the realm's memory, or not private: send a report"},
    Cause{Step::kPopulate, EEXIST, "the page is populated already: send a report"},
    Cause{Step::kPopulate, EPERM, "the realm is not in the state for it: send a report"},
    Cause{Step::kPopulate, EBUSY, "the realm is active already: send a report"},
    Cause{Step::kPopulate, EFAULT, "the source of the page cannot be read: send a report"},
    Cause{Step::kPopulate, ENOMEM, "the host has no memory left for private pages"},
    Cause{Step::kPopulate, EINTR, "a signal came again and again: stop sending signals to rvmm"},
    Cause{Step::kPopulate, EAGAIN, "the host is busy with that page and stays so"},
    Cause{Step::kRec, ENXIO,
          "usually the RMM refused the REC: too many of them, or no memory that it can take"},
    Cause{Step::kRec, ENOMEM, "the host has no memory left for RECs"},
    Cause{Step::kRipas, ENXIO, "usually the RMM refused the range, or has no memory for tables"},
    Cause{Step::kRipas, ENOMEM, "the host has no memory left for tables"},
    Cause{Step::kActivate, ENXIO,
          "usually the RMM refused a REC or a range of RIPAS: it and the kernel are of different "
          "drafts of RMI (rvmm doctor; the host's boot log)"},
    Cause{Step::kActivate, EINVAL, "the kernel found the realm's vCPUs unfit: send a report"},
    Cause{Step::kActivate, EOPNOTSUPP, "the kernel misses the GIC: send a report"},
    Cause{Step::kActivate, ENODEV, "the kernel finds the GIC not set up: send a report"},
    Cause{Step::kActivate, ENOMEM, "the host has no memory left for RECs and tables"},
    Cause{Step::kRun, EINVAL, "the realm is dead, or asked for something outside its memory"},
    Cause{
        Step::kRun, ENXIO,
        "usually the realm executed from memory that it does not own, or the RMM refused to enter"},
    Cause{Step::kRun, EIO, "the kernel has given the realm up"},
    Cause{Step::kRun, EFAULT,
          "a page of shared memory cannot be mapped: huge pages behind it on a v14 host do that"},
    Cause{Step::kRun, ENOMEM, "the host has no memory left"},
    Cause{Step::kRun, EPERM, "a REC is missing: send a report"},
};

}  // namespace

std::string usual_cause(const RevisionTraits& revision, Step step, int error_number) {
    for (const Cause& cause : kCauses)
        if (cause.step == step && cause.error_number == error_number)
            return std::string(cause.text);
    return fmt::format(
        "nothing is known about this answer of {}: docs/cca-hosts.md says what "
        "belongs into a report",
        revision.name);
}

}  // namespace rvmm::vmm::cca
