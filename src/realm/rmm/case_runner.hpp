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
    /// `named_hash` is the case's "hash".
    CaseRunner(const RmmFeatures& features, measure::RemRule rem_rule,
               std::optional<measure::Hash> named_hash);
    CaseRunner(const CaseRunner&) = delete;
    CaseRunner& operator=(const CaseRunner&) = delete;
    ~CaseRunner();

    /// Makes the call `op` that `step` describes. Errors (Stage::kConfig) where the step is wrong,
    /// not where the RMM refuses it.
    Result<StepOutcome> run(const std::string& op, const StepFields& step);

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

    Result<RealmRequest> realm_request(const StepFields& step) const;
    template <class Command>
    Result<RmiAnswer> on_realm(Command command);

    RmmFeatures features_;
    measure::RemRule rem_rule_;
    measure::Hash hash_;  // of a realm that does not exist
    std::optional<measure::Hash> named_hash_;
    std::variant<std::monostate, NewRealm, ActivatedRealm> realm_;
    std::unique_ptr<RealmMemory> memory_;
    std::optional<SoftwareRmm> rsi_;
};

}  // namespace rvmm::realm
