#include "realm/rmm/probe_lines.hpp"

#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace rvmm::realm {
namespace {

std::vector<std::string> split(const std::string& text, const std::string& separator) {
    std::vector<std::string> parts;
    std::size_t from = 0;
    for (std::size_t at; (at = text.find(separator, from)) != text.npos;
         from = at + separator.size())
        parts.push_back(text.substr(from, at - from));
    parts.push_back(text.substr(from));
    return parts;
}

std::vector<std::string> lines_of(const std::string& name) {
    std::ifstream file(std::string(RVMM_TEST_DATA "/rsi/") + name);
    if (!file) throw std::runtime_error("cannot read " + name);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
        if (!line.empty() && line[0] != '#') lines.push_back(line);
    return lines;
}

}  // namespace

std::vector<std::string> recorded_lines() {
    const std::string mark = "PROBE ";
    std::vector<std::string> lines = lines_of("rsi-answers.txt");
    for (std::string& line : lines) {
        if (!line.starts_with(mark)) throw std::runtime_error("no answer: " + line);
        line.erase(0, mark.size());
    }
    return lines;
}

std::vector<ProbeException> unit_exceptions() {
    std::vector<ProbeException> exceptions;
    for (const std::string& line : lines_of("exceptions.txt")) {
        const auto parts = split(line, " | ");
        if (parts.size() != 4) throw std::runtime_error("no exception: " + line);
        if (parts[0] == "lab") continue;
        exceptions.push_back({parts[0], split(parts[1], ","), parts[2], parts[3]});
    }
    return exceptions;
}

std::string without_values(std::string line, const ProbeException& exception) {
    for (const std::string& name : exception.values) {
        const std::regex value("( |^)(" + name + " ?= ?)[^ ]+");
        line = std::regex_replace(line, value, "$1$2...");
    }
    return line;
}

}  // namespace rvmm::realm
