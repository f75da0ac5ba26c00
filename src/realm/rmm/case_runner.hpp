// One case of a steps document (steps.hpp): its RMM, its realm, and the calls to both.
#pragma once

#include <memory>
#include <optional>
#include <variant>

#include "realm/rmm/new_realm.hpp"
#include "realm/rmm/step_fields.hpp"
#include "realm/rmm/steps.hpp"

namespace rvmm::realm {

class CaseRunner {
  public:
    /// What the realm runs on.
    struct Platform {
        RmmFeatures features;
        std::size_t token_size = 2334;  // bytes of an attestation token, 1 to kRsiTokenMaxSize
    };

    /// `named_hash` is the case's "hash".
    CaseRunner(const Platform& platform, measure::RemRule rem_rule,
               std::optional<measure::Hash> named_hash);
    CaseRunner(const CaseRunner&) = delete;
    CaseRunner& operator=(const CaseRunner&) = delete;
    ~CaseRunner();

    /// Makes the call `op` that `step` describes. Errors (Stage::kConfig) where the step is wrong,
    /// not where the RMM refuses it.
    Result<StepOutcome> run(const std::string& op, const StepFields& step);

    /// The named one (or SHA-256) if there is no realm.
    measure::Hash hash() const;
    /// Zero if there is no realm.
    measure::Digest rim() const;
    std::array<measure::Digest, 4> rems() const;

  private:
    using Operation = Result<RmiAnswer> (CaseRunner::*)(const StepFields&);
    struct NamedOperation {
        std::string_view name;
        Operation run;
    };
    static std::span<const NamedOperation> operations();
    static Result<Operation> find(const std::string& op);

    Result<RmiAnswer> realm_create(const StepFields& step);
    Result<RmiAnswer> rtt_create(const StepFields& step);
    Result<RmiAnswer> rtt_init_ripas(const StepFields& step);
    Result<RmiAnswer> data_create(const StepFields& step);
    Result<RmiAnswer> data_create_unknown(const StepFields& step);
    Result<RmiAnswer> rec_create(const StepFields& step);
    Result<RmiAnswer> realm_activate(const StepFields& step);
    Result<RmiAnswer> rec_enter(const StepFields& step);
    /// X0 of the answer.
    Result<std::uint64_t> rsi(const StepFields& step);

    Result<rmi::RealmParams> realm_params(const StepFields& step) const;
    template <class Command>
    Result<RmiAnswer> on_realm(Command command);

    Platform platform_;
    measure::RemRule rem_rule_;
    std::optional<measure::Hash> named_hash_;
    std::variant<std::monostate, NewRealm, ActivatedRealm> realm_;
    std::unique_ptr<RealmMemory> memory_;
    std::optional<SoftwareRmm> rsi_;
};

}  // namespace rvmm::realm
