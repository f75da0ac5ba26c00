// Does for tests/oracle/cbor_test.py what it asks, one line an order, one line an answer. All bytes
// are in hex, "-" stands for none, and the answer to what rvmm refuses is "refused: WHY".
//
//   cbor BYTES                          the same bytes, decoded and encoded again
//   write HASH RIM REM0 .. REM3 RPV     the CoRIM
//   read CORIM                          HASH RIM REM0 .. REM3 RPV
#include <iostream>
#include <sstream>
#include <string>

#include "measure/cbor.hpp"
#include "measure/endorsement.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::measure;

std::string text_of(ByteSpan bytes) {
    return bytes.empty() ? "-" : rvmm::to_hex(bytes);
}

Bytes bytes_of(const std::string& text) {
    return text == "-" ? Bytes() : from_hex(text).value();
}

std::string refused(const Error& error) {
    return "refused: " + error.message();
}

std::string echo(std::istream& order) {
    std::string bytes;
    order >> bytes;
    const auto value = cbor::decode(bytes_of(bytes));
    return value ? text_of(cbor::encode(*value)) : refused(value.error());
}

std::string write(std::istream& order) {
    std::string word;
    Endorsement endorsement;
    order >> word;
    endorsement.hash = parse_hash(word).value();
    order >> word;
    endorsement.rim = Digest::from_hex(word).value();
    for (auto& rem : endorsement.rems) {
        order >> word;
        if (word != "-") rem = Digest::from_hex(word).value();
    }
    order >> word;
    if (word != "-") endorsement.rpv = bytes_of(word);
    const auto corim = to_corim(endorsement);
    return corim ? text_of(*corim) : refused(corim.error());
}

std::string read(std::istream& order) {
    std::string bytes;
    order >> bytes;
    const auto endorsement = from_corim(bytes_of(bytes));
    if (!endorsement) return refused(endorsement.error());
    std::string answer(to_string(endorsement->hash));
    answer += ' ' + text_of(endorsement->rim.bytes());
    for (const auto& rem : endorsement->rems)
        answer += ' ' + text_of(rem.value_or(Digest()).bytes());
    return answer + ' ' + text_of(endorsement->rpv.value_or(Bytes()));
}

std::string answer(const std::string& line) {
    std::istringstream order(line);
    std::string verb;
    order >> verb;
    if (verb == "cbor") return echo(order);
    if (verb == "write") return write(order);
    if (verb == "read") return read(order);
    return "no such order";
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) std::cout << answer(line) << '\n';
}
