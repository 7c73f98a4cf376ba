#include "hub/analysis/rules.h"

#include <toml++/toml.h>

#include <algorithm>
#include <set>

#include "common/base/check.h"
#include "common/base/encoding.h"
#include "common/taxonomy/taxonomy.h"

namespace noroshi::analysis {

extern const std::string_view kRulesToml;
extern const std::string_view kRulesTomlSha256;

namespace {

constexpr int64_t kPatternMemoryBytesMax = 8 * 1024 * 1024;  // Of one compiled rule.

std::vector<std::string> Strings(const toml::node_view<const toml::node>& node) {
  std::vector<std::string> list;
  if (const auto* array = node.as_array()) {
    for (const toml::node& item : *array) list.push_back(item.value_or(std::string()));
  }
  return list;
}

RE2::Options PatternOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kPatternMemoryBytesMax);
  return options;
}

// One expression out of alternatives.
std::string Join(const std::vector<std::string>& alternatives) {
  std::string joined;
  for (const std::string& alternative : alternatives) {
    if (!joined.empty()) joined += '|';
    joined.append("(?:").append(alternative).append(")");
  }
  return joined;
}

// Null for none.
Result<std::unique_ptr<RE2>> Compile(const std::vector<std::string>& alternatives,
                                     std::string_view what) {
  std::unique_ptr<RE2> compiled;
  if (alternatives.empty()) return compiled;
  compiled = std::make_unique<RE2>(Join(alternatives), PatternOptions());
  if (!compiled->ok()) {
    return Error{ErrorCode::kInvalid, std::string(what) + ": " + compiled->error()};
  }
  return compiled;
}

bool KnownLabel(Dimension dimension, const std::string& label) {
  switch (dimension) {
    case Dimension::kEventType:
      return taxonomy::IsEventType(label);
    case Dimension::kCause:
      return taxonomy::IsCause(label);
    case Dimension::kAttack:
      return label.empty();
  }
  return false;
}

}  // namespace

class RulesReader {
 public:
  explicit RulesReader(const toml::table& table) : table_(table) {}

  Result<Rules> Read(std::string_view sha256_hex) {
    rules_.version_ = table_["version"].value_or(std::string("0")) + "+" +
                      std::string(sha256_hex.substr(0, 8)) + taxonomy::DataHash().substr(0, 4);
    rules_.score_min_ = table_["score_min"].value_or(50);
    rules_.confidence_min_ = table_["confidence_min"].value_or(40u);
    NOROSHI_RETURN_IF_ERROR(ReadContext());
    NOROSHI_RETURN_IF_ERROR(ReadRules());
    NOROSHI_RETURN_IF_ERROR(ReadTables());
    return std::move(rules_);
  }

 private:
  Result<void> ReadContext() {
    const auto context = table_["context"];
    Context& out = rules_.context_;
    NOROSHI_ASSIGN_OR_RETURN(out.negated_after,
                             Compile(Strings(context["negated_after"]), "context.negated_after"));
    NOROSHI_ASSIGN_OR_RETURN(out.negated_before,
                             Compile(Strings(context["negated_before"]), "context.negated_before"));
    NOROSHI_ASSIGN_OR_RETURN(out.hypothetical_after, Compile(Strings(context["hypothetical_after"]),
                                                             "context.hypothetical_after"));
    NOROSHI_ASSIGN_OR_RETURN(
        out.hypothetical_before,
        Compile(Strings(context["hypothetical_before"]), "context.hypothetical_before"));
    out.hypothetical_percent = context["hypothetical_percent"].value_or(40);
    if (!out.negated_after || !out.negated_before || !out.hypothetical_after ||
        !out.hypothetical_before) {
      return Error{ErrorCode::kInvalid, "context: all four lists of patterns are required"};
    }
    return {};
  }

  // [[event_type]], [[cause]] and [[attack]].
  Result<void> ReadRules() {
    struct Section {
      const char* name;
      Dimension dimension;
    };
    for (const Section& section :
         {Section{"event_type", Dimension::kEventType}, Section{"cause", Dimension::kCause},
          Section{"attack", Dimension::kAttack}}) {
      const auto* list = table_[section.name].as_array();
      if (list == nullptr) continue;
      for (const toml::node& node : *list) {
        const toml::table* rule = node.as_table();
        if (rule == nullptr) return Error{ErrorCode::kInvalid, "a rule is no table"};
        NOROSHI_RETURN_IF_ERROR(ReadRule(*rule, section.dimension));
      }
    }
    if (rules_.rules_.empty()) return Error{ErrorCode::kInvalid, "no rules"};
    std::vector<std::string> atoms;
    rules_.patterns_.Compile(&atoms);
    rules_.atoms_ = AtomFinder(atoms);
    rules_.patterns_.AllPotentials({}, &rules_.need_no_atom_);
    std::sort(rules_.need_no_atom_.begin(), rules_.need_no_atom_.end());
    for (size_t i = 0; i < rules_.rules_.size(); ++i) {
      rules_.rules_[i].pattern = &rules_.patterns_.GetRE2(static_cast<int>(i));
    }
    return {};
  }

  Result<void> ReadRule(const toml::table& table, Dimension dimension) {
    Rule rule;
    rule.id = table["id"].value_or(std::string());
    rule.dimension = dimension;
    rule.label = table["label"].value_or(std::string());
    rule.weight = table["weight"].value_or(0);
    rule.negatable = table["negatable"].value_or(true);
    if (!IsIdentifier(rule.id) || !ids_.insert(rule.id).second) {
      return Error{ErrorCode::kInvalid, "rule id missing, malformed or repeated: " + rule.id};
    }
    if (!KnownLabel(dimension, rule.label)) {
      return Error{ErrorCode::kInvalid, rule.id + ": unknown label " + rule.label};
    }
    if (rule.weight == 0) return Error{ErrorCode::kInvalid, rule.id + ": weight missing"};
    NOROSHI_RETURN_IF_ERROR(AddPattern(Strings(table["patterns"]), rule.id));
    NOROSHI_ASSIGN_OR_RETURN(rule.unless, Compile(Strings(table["unless"]), rule.id));
    NOROSHI_ASSIGN_OR_RETURN(rule.needs, Compile(Strings(table["needs"]), rule.id));
    if (rules_.rules_.size() >= kRulesMax) return Error{ErrorCode::kInvalid, "kRulesMax"};
    rules_.rules_.push_back(std::move(rule));
    return {};
  }

  // The pattern of the next rule.
  Result<void> AddPattern(const std::vector<std::string>& alternatives, const std::string& id) {
    if (alternatives.empty()) return Error{ErrorCode::kInvalid, id + ": no patterns"};
    int index = 0;
    const auto code = rules_.patterns_.Add(Join(alternatives), PatternOptions(), &index);
    if (code == RE2::NoError) return {};
    const auto compiled = Compile(alternatives, id);  // Says what is wrong.
    return compiled.ok() ? Error{ErrorCode::kInvalid, id + ": bad pattern"} : compiled.error();
  }

  Result<void> ReadTables() {
    if (const auto* bonus = table_["bonus"].as_table()) {
      for (const auto& [label, value] : *bonus) {
        if (!taxonomy::IsEventType(label.str())) {
          return Error{ErrorCode::kInvalid,
                       "bonus: unknown event type " + std::string(label.str())};
        }
        rules_.bonus_[std::string(label.str())] = value.value_or(0);
      }
    }
    if (const auto* suppress = table_["suppress"].as_table()) {
      for (const auto& [label, value] : *suppress) {
        rules_.suppressed_[std::string(label.str())] =
            Strings(toml::node_view<const toml::node>(value));
      }
    }
    const auto* kinds = table_["gov_kind"].as_array();
    for (size_t i = 0; kinds != nullptr && i < kinds->size(); ++i) {
      const toml::table* table = (*kinds)[i].as_table();
      if (table == nullptr) return Error{ErrorCode::kInvalid, "gov_kind: no table"};
      NOROSHI_RETURN_IF_ERROR(ReadKind(*table));
    }
    return {};
  }

  Result<void> ReadKind(const toml::table& table) {
    KindRule kind;
    kind.id = table["id"].value_or(std::string());
    kind.label = table["label"].value_or(std::string());
    kind.event_types = Strings(table["event_types"]);
    kind.causes = Strings(table["causes"]);
    kind.needs_attack = table["needs_attack"].value_or(false);
    kind.confidence = table["confidence"].value_or(50u);
    if (!IsIdentifier(kind.id) || !ids_.insert(kind.id).second) {
      return Error{ErrorCode::kInvalid, "rule id missing, malformed or repeated: " + kind.id};
    }
    if (!taxonomy::IsGovKind(kind.label)) {
      return Error{ErrorCode::kInvalid, kind.id + ": unknown label " + kind.label};
    }
    for (const std::string& label : kind.event_types) {
      if (!taxonomy::IsEventType(label)) {
        return Error{ErrorCode::kInvalid, kind.id + ": unknown event type " + label};
      }
    }
    for (const std::string& label : kind.causes) {
      if (!taxonomy::IsCause(label)) {
        return Error{ErrorCode::kInvalid, kind.id + ": unknown cause " + label};
      }
    }
    rules_.kind_rules_.push_back(std::move(kind));
    return {};
  }

  const toml::table& table_;
  Rules rules_;
  std::set<std::string> ids_;
};

Result<Rules> Rules::Parse(std::string_view toml_text, std::string_view sha256_hex) {
  try {
    const toml::table table = toml::parse(toml_text);
    return RulesReader(table).Read(sha256_hex);
  } catch (const toml::parse_error& error) {
    return Error{ErrorCode::kInvalid, "line " + std::to_string(error.source().begin.line) + ": " +
                                          std::string(error.description())};
  }
}

void Rules::Candidates(std::string_view text, std::vector<int>* indices) const {
  std::vector<int> atoms;
  atoms_.Find(text, &atoms);
  if (atoms.empty()) {
    *indices = need_no_atom_;
    return;
  }
  patterns_.AllPotentials(atoms, indices);
  std::sort(indices->begin(), indices->end());
}

int32_t Rules::bonus(const std::string& event_type) const {
  const auto found = bonus_.find(event_type);
  return found == bonus_.end() ? 0 : found->second;
}

const std::vector<std::string>& Rules::suppressed_by(const std::string& cause) const {
  static const std::vector<std::string> none;
  const auto found = suppressed_.find(cause);
  return found == suppressed_.end() ? none : found->second;
}

const Rules& BuiltinRules() {
  static const Rules* rules = [] {
    Result<Rules> parsed = Rules::Parse(kRulesToml, kRulesTomlSha256);
    NOROSHI_CHECK(parsed.ok());                   // The data is part of the program.
    return new Rules(std::move(parsed).value());  // Lives as long as the process.
  }();
  return *rules;
}

}  // namespace noroshi::analysis
