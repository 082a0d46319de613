#pragma once

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <csignal>
#include <sys/prctl.h>

namespace vef::test {

/// What a program of the tests is told: words of the form NAME=VALUE, values with commas being lists.
class arguments {
public:
  arguments(int count, char** words) {
    for (int i = 1; i < count; ++i) {
      std::string word = words[i];
      auto sign = word.find('=');
      values_[word.substr(0, sign)] = sign == word.npos ? "1" : word.substr(sign + 1);
    }
  }

  bool has(const std::string& name) const { return values_.contains(name); }

  std::string text(const std::string& name, std::string otherwise = {}) const {
    auto x = values_.find(name);
    return x == values_.end() ? otherwise : x->second;
  }

  unsigned long number(const std::string& name, unsigned long otherwise) const {
    return has(name) ? std::stoul(text(name)) : otherwise;
  }

  std::vector<std::string> list(const std::string& name) const {
    std::vector<std::string> out;
    std::istringstream in{text(name)};
    for (std::string one; std::getline(in, one, ',');) out.push_back(one);
    return out;
  }

private:
  std::map<std::string, std::string> values_;
};

/// First of all in main(): whatever becomes of the test, this process does not outlive it.
inline void die_with_parent() { ::prctl(PR_SET_PDEATHSIG, SIGKILL); }

} // namespace vef::test
