// What this machine can run and why not, as a list of findings.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vmm/hosts/host_facts.hpp"

namespace rvmm::vmm {

struct Finding {
    std::string name;  // short and stable, for scripts: "kvm", "qemu"
    bool ok;
    std::string detail;  // one clause
    std::string remedy;  // empty where ok
};

struct KnownDefect {
    std::string name;    // short and stable, for scripts
    std::string what;    // one clause
    std::string answer;  // what rvmm does about it, or what the host's owner has to
};

struct Diagnosis {
    std::vector<Finding> findings;
    std::optional<cca::HostReport> realm_host;  // a host of real realms
    std::vector<KnownDefect> defects;           // that hosts of its kind have
    // What follows for images.
    bool cca = false;
    bool emulated = false;
    bool lab = false;
    bool vm = false;
    lab::LabRealms lab_realms = lab::LabRealms::kEmulated;
};

/// `search` is where `facts` looked for the lab.
Diagnosis diagnose(const HostFacts& facts, const lab::LabSearch& search);

/// For a person: a line each, with its remedy below it. `colour` for terminals.
std::string to_text(const Diagnosis& diagnosis, bool colour);
/// For a script: one JSON document, one line.
std::string to_json(const Diagnosis& diagnosis);

}  // namespace rvmm::vmm
