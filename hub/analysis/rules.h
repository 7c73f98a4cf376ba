// Rules of the classification: data, not code. See data/rules.toml for the
// format and what each key means.
//
// Threads: immutable after construction, thread-safe.
#pragma once

#include <re2/filtered_re2.h>
#include <re2/re2.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "hub/analysis/atoms.h"

namespace noroshi::analysis {

inline constexpr size_t kRulesMax = 2000;
// Strings that a pattern needs count from this length: one Japanese character.
inline constexpr int kAtomBytesMin = 3;

// What a rule speaks about.
enum class Dimension { kEventType, kCause, kAttack };

struct Rule {
  std::string id;
  Dimension dimension = Dimension::kEventType;
  std::string label;             // Taxonomy id; empty for kAttack.
  int32_t weight = 0;            // Hundredths; negative: speaks against.
  bool negatable = true;         // "No …" and "… was not confirmed" take it back.
  const RE2* pattern = nullptr;  // Owned by the Rules.
  std::unique_ptr<RE2> unless;   // Not where the same sentence matches this; may be null.
  std::unique_ptr<RE2> needs;    // Only where the text matches this; may be null.
};

// How words around a match change it.
struct Context {
  std::unique_ptr<RE2> negated_after;
  std::unique_ptr<RE2> negated_before;
  std::unique_ptr<RE2> hypothetical_after;
  std::unique_ptr<RE2> hypothetical_before;
  int32_t hypothetical_percent = 0;  // What remains of the weight.
};

// The kind of a government incident follows from the other labels: the first of
// these whose conditions all hold.
struct KindRule {
  std::string id;
  std::string label;
  std::vector<std::string> event_types;  // Any of these; empty: any.
  std::vector<std::string> causes;       // At least one of these; empty: any.
  bool needs_attack = false;             // Rules of dimension "attack" reached the bar.
  uint32_t confidence = 0;
};

class Rules {
 public:
  // kInvalid names the rule and what is wrong with it: bad pattern, unknown label,
  // repeated id.
  static Result<Rules> Parse(std::string_view toml, std::string_view sha256_hex);

  // "<version>+<eight digits of the hash>": changes with every byte of the rules
  // and of the taxonomy.
  const std::string& version() const { return version_; }
  const std::vector<Rule>& rules() const { return rules_; }
  // The rules, as ascending indices of rules(), whose pattern may match in `text`: no other
  // one does. One pass over the text for all of them.
  void Candidates(std::string_view text, std::vector<int>* indices) const;
  const Context& context() const { return context_; }
  const std::vector<KindRule>& kind_rules() const { return kind_rules_; }
  // Added to the score of an event type: confirmed losses outrank what leads to them.
  int32_t bonus(const std::string& event_type) const;
  // Causes that do not stand beside this one.
  const std::vector<std::string>& suppressed_by(const std::string& cause) const;
  int32_t score_min() const { return score_min_; }             // A label needs so much.
  uint32_t confidence_min() const { return confidence_min_; }  // Below: abstain.

 private:
  friend class RulesReader;
  std::string version_;
  std::vector<Rule> rules_;
  re2::FilteredRE2 patterns_{kAtomBytesMin};  // Of rules_, in their order.
  AtomFinder atoms_;               // Strings of which a pattern needs some in order to match.
  std::vector<int> need_no_atom_;  // Candidates in every text.
  Context context_;
  std::vector<KindRule> kind_rules_;
  std::map<std::string, int32_t> bonus_;
  std::map<std::string, std::vector<std::string>> suppressed_;
  int32_t score_min_ = 0;
  uint32_t confidence_min_ = 0;
};

// data/rules.toml, compiled into the binary.
const Rules& BuiltinRules();

}  // namespace noroshi::analysis
