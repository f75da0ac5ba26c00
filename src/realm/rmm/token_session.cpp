#include "realm/rmm/token_session.hpp"

#include <algorithm>

#include "realm/rmm/answer.hpp"
#include "rmi/rsi.hpp"

namespace rvmm::realm {

using rmi::RsiStatus;

void TokenSession::init(const SignToken& source, unsigned signing_calls,
                        rmi::SmcRegisters& registers) {
    request_.reset();
    if (!source) return answer(registers, RsiStatus::kErrorUnknown);
    TokenRequest& request = request_.emplace();
    request.signing_calls = signing_calls;
    for (std::size_t i = 0; i < request.challenge.size() / 8; ++i)
        store_le(std::span(request.challenge).subspan(8 * i), registers.x[1 + i]);
    answer(registers, RsiStatus::kSuccess, rmi::kRsiTokenMaxSize);
}

void TokenSession::proceed(const SignToken& source, const RealmPages& pages,
                           rmi::SmcRegisters& registers) {
    const std::uint64_t offset = registers.x[2];
    const std::uint64_t size = registers.x[3];
    if (!pages.is_granule(registers.x[1]) || offset >= rmi::kRsiGranuleSize ||
        size > rmi::kRsiGranuleSize - offset)
        return answer(registers, RsiStatus::kErrorInput);
    if (const RsiStatus status = sign(source); status != RsiStatus::kSuccess)
        return answer(registers, status);
    copy(pages, registers);
}

RsiStatus TokenSession::sign(const SignToken& source) {
    if (!request_) return RsiStatus::kErrorState;
    if (request_->token) return RsiStatus::kSuccess;
    if (request_->signing_calls > 0) {
        --request_->signing_calls;
        return RsiStatus::kIncomplete;
    }
    request_->token = source(request_->challenge);
    const bool usable = request_->token && !request_->token->empty() &&
                        request_->token->size() <= rmi::kRsiTokenMaxSize;
    if (usable) return RsiStatus::kSuccess;
    request_.reset();
    return RsiStatus::kErrorUnknown;
}

void TokenSession::copy(const RealmPages& pages, rmi::SmcRegisters& registers) {
    const Ipa page{registers.x[1]};
    const ByteSpan rest = ByteSpan(*request_->token).subspan(request_->copied);
    const ByteSpan piece = rest.first(std::min<std::size_t>(rest.size(), registers.x[3]));
    const bool written =
        piece.empty() ? pages.is_ram(page) : pages.write(page + registers.x[2], piece);
    if (!written) return answer(registers, RsiStatus::kErrorInput);
    request_->copied += piece.size();
    const bool last = piece.size() == rest.size();
    if (last) request_.reset();
    answer(registers, last ? RsiStatus::kSuccess : RsiStatus::kIncomplete, piece.size());
}

}  // namespace rvmm::realm
