#include "hub/analysis/classify.h"

#include <algorithm>
#include <array>
#include <map>

#include "common/base/encoding.h"
#include "common/taxonomy/taxonomy.h"
#include "common/text/unicode.h"

namespace noroshi::analysis {
namespace {

constexpr size_t kContextBytes = 120;  // Read on either side of a match.
constexpr uint32_t kConfidenceMax = 95;

re2::StringPiece Piece(std::string_view view) { return {view.data(), view.size()}; }

struct Span {
  size_t begin = 0;
  size_t end = 0;
};

size_t FloorToCharacter(std::string_view text, size_t at) {
  while (at > 0 && at < text.size() && (text[at] & 0xc0) == 0x80) --at;
  return at;
}

// A sentence without end is cut: what its words say does not reach further.
constexpr size_t kSentenceBytesMax = 2048;

void Add(std::string_view text, size_t begin, size_t end, std::vector<Span>* sentences) {
  while (end - begin > kSentenceBytesMax) {
    const size_t cut = FloorToCharacter(text, begin + kSentenceBytesMax);
    sentences->push_back({begin, cut});
    begin = cut;
  }
  if (begin < end) sentences->push_back({begin, end});
}

// Where a sentence ends that has its last character at `at`; `at` itself: it does not end.
// A full stop ends one only before a space or quote: 192.0.2.1 has none.
size_t EndOfSentence(std::string_view text, size_t at) {
  constexpr std::string_view kFullStop = "。";
  const char byte = text[at];
  if (byte == kFullStop[0] && text.substr(at).starts_with(kFullStop)) {
    return at + kFullStop.size();
  }
  if (byte == '\n') return at + 1;
  if (byte != '.' && byte != '!' && byte != '?') return at;
  size_t end = text.find_first_not_of(" \"')", at + 1);
  if (end == std::string_view::npos) end = text.size();
  return end > at + 1 || end == text.size() || byte == '!' ? end : at;
}

// Sentences of a normalised text (common/text).
std::vector<Span> SplitSentences(std::string_view text) {
  std::vector<Span> sentences;
  size_t begin = 0;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = EndOfSentence(text, at);
    if (end == at) {
      ++at;
      continue;
    }
    Add(text, begin, end, &sentences);
    begin = at = end;
  }
  Add(text, begin, text.size(), &sentences);
  return sentences;
}

struct Scored {
  int32_t score = 0;
  std::vector<v1::Evidence> evidence;
};
using Scores = std::map<std::string, Scored>;

void AddEvidence(const std::string& rule, std::string_view words, int32_t weight, Scored* scored) {
  scored->score += weight;
  v1::Evidence evidence;
  evidence.set_rule(rule);
  evidence.set_words(std::string(TruncateUtf8(words, kEvidenceBytesMax)));
  evidence.set_weight(weight);
  scored->evidence.push_back(std::move(evidence));
}

// All rules over one text.
class TextScorer {
 public:
  TextScorer(std::string_view text, const Rules& rules)
      : original_(TruncateUtf8(text, kClassifiedBytesMax)),
        mapped_(text::NormaliseMapped(original_)),
        sentences_(SplitSentences(mapped_.text)),
        rules_(rules),
        best_(rules.rules().size()) {
    std::vector<int> candidates;
    for (const Span& sentence : sentences_) {
      rules.Candidates(Slice(sentence), &candidates);
      for (const int index : candidates) Search(static_cast<size_t>(index), sentence);
    }
    for (size_t i = 0; i < best_.size(); ++i) {
      if (best_[i].percent > 0) Count(rules.rules()[i], best_[i]);
    }
  }

  Scores& events() { return scores_[0]; }
  Scores& causes() { return scores_[1]; }
  Scored attack() { return scores_[2][""]; }

 private:
  // Where a rule is strongest: what one sentence denies another may state.
  struct Best {
    Span place;
    int32_t percent = 0;
  };

  void Search(size_t index, const Span& sentence) {
    const Rule& rule = rules_.rules()[index];
    Best& best = best_[index];
    if (best.percent >= 100) return;
    const std::string_view words = Slice(sentence);
    if (rule.unless && RE2::PartialMatch(Piece(words), *rule.unless)) return;
    re2::StringPiece match;
    size_t at = 0;
    while (best.percent < 100 && at < words.size() &&
           rule.pattern->Match(Piece(words), at, words.size(), RE2::UNANCHORED, &match, 1)) {
      const size_t begin = static_cast<size_t>(match.data() - words.data());
      const Span found{sentence.begin + begin, sentence.begin + begin + match.size()};
      const int32_t percent = PercentOf(rule, sentence, found);
      if (percent > best.percent) best = {found, percent};
      at = std::max(begin + match.size(), at + 1);
      at = FloorToCharacter(words, at);
      if (match.empty()) break;
    }
  }

  void Count(const Rule& rule, const Best& best) {
    if (rule.needs && !RE2::PartialMatch(Piece(mapped_.text), *rule.needs)) return;
    AddEvidence(rule.id, Original(best.place), rule.weight * best.percent / 100,
                &scores_[static_cast<size_t>(rule.dimension)][rule.label]);
  }

  // How much of the weight counts at this place.
  int32_t PercentOf(const Rule& rule, const Span& sentence, const Span& match) const {
    if (!rule.negatable) return 100;
    const size_t from =
        std::max(sentence.begin, match.begin > kContextBytes
                                     ? FloorToCharacter(mapped_.text, match.begin - kContextBytes)
                                     : 0);
    const size_t to =
        FloorToCharacter(mapped_.text, std::min(sentence.end, match.end + kContextBytes));
    const re2::StringPiece before = Piece(Slice({from, match.begin}));
    const re2::StringPiece after = Piece(Slice({match.end, std::max(to, match.end)}));
    const Context& context = rules_.context();
    if (RE2::PartialMatch(after, *context.negated_after) ||
        RE2::PartialMatch(before, *context.negated_before)) {
      return 0;
    }
    if (RE2::PartialMatch(after, *context.hypothetical_after) ||
        RE2::PartialMatch(before, *context.hypothetical_before)) {
      return context.hypothetical_percent;
    }
    return 100;
  }

  std::string_view Slice(const Span& span) const {
    return std::string_view(mapped_.text).substr(span.begin, span.end - span.begin);
  }

  // The words as they were written. The end takes in the whole last character.
  std::string_view Original(const Span& span) const {
    const size_t begin = mapped_.origin[span.begin];
    size_t end = mapped_.origin[span.end];
    if (end <= begin) end = std::min<size_t>(original_.size(), begin + 1);
    while (end < original_.size() && (original_[end] & 0xc0) == 0x80) ++end;
    std::string_view words = original_.substr(begin, end - begin);
    while (!words.empty() && (words.back() == '\n' || words.back() == ' ')) words.remove_suffix(1);
    return words;
  }

  std::string_view original_;
  text::Mapped mapped_;
  std::vector<Span> sentences_;
  const Rules& rules_;
  std::vector<Best> best_;        // By the index of the rule.
  std::array<Scores, 3> scores_;  // By Dimension.
};

v1::Label ToLabel(const std::string& id, uint32_t confidence, Scored scored) {
  v1::Label label;
  label.set_id(id);
  label.set_confidence_percent(std::min(confidence, kConfidenceMax));
  std::stable_sort(scored.evidence.begin(), scored.evidence.end(),
                   [](const auto& a, const auto& b) { return a.weight() > b.weight(); });
  for (v1::Evidence& evidence : scored.evidence) {
    if (static_cast<size_t>(label.evidence_size()) >= kEvidenceMax) break;
    *label.add_evidence() = std::move(evidence);
  }
  return label;
}

// The best event type; its confidence grows with its score and with the distance
// to the next one.
v1::Label DecideEvent(const Scores& scores, const Rules& rules) {
  std::string best;
  int32_t best_rank = 0;
  int32_t second_rank = 0;
  for (const auto& [label, scored] : scores) {
    if (scored.score <= 0) continue;
    const int32_t rank = scored.score + rules.bonus(label);
    if (rank > best_rank) {
      second_rank = best_rank;
      best_rank = rank;
      best = label;
    } else {
      second_rank = std::max(second_rank, rank);
    }
  }
  if (best.empty()) return {};
  const Scored& scored = scores.at(best);
  const int32_t strength = std::min(scored.score, 100) / 2;
  const int32_t distance = std::min(best_rank - second_rank, 100) / 2;
  const auto confidence = static_cast<uint32_t>(std::max(0, strength + distance));
  const bool stands = scored.score >= rules.score_min() && confidence >= rules.confidence_min();
  return ToLabel(stands ? best : "", confidence, scored);
}

std::vector<v1::Label> DecideCauses(const Scores& scores, const Rules& rules) {
  std::map<std::string, Scored> standing;
  for (const auto& [label, scored] : scores) {
    if (scored.score >= rules.score_min()) standing[label] = scored;
  }
  for (const auto& [label, scored] : std::map(standing)) {
    for (const std::string& other : rules.suppressed_by(label)) {
      if (standing.contains(label)) standing.erase(other);
    }
  }
  std::vector<v1::Label> labels;
  labels.reserve(standing.size());
  for (const auto& [label, scored] : standing) {
    labels.push_back(ToLabel(label, static_cast<uint32_t>(scored.score), scored));
  }
  std::stable_sort(labels.begin(), labels.end(), [](const auto& a, const auto& b) {
    return a.confidence_percent() > b.confidence_percent();
  });
  return labels;
}

bool Contains(const std::vector<std::string>& list, const std::string& id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

// The kind follows from the other labels; its evidence is theirs.
v1::Label DecideKind(const v1::Classification& so_far, const Scored& attack, const Rules& rules) {
  const bool attacked = attack.score >= rules.score_min();
  for (const KindRule& kind : rules.kind_rules()) {
    if (kind.needs_attack && !attacked) continue;
    if (!kind.event_types.empty() && !Contains(kind.event_types, so_far.event_type().id()))
      continue;
    const v1::Label* cause = nullptr;
    for (const v1::Label& label : so_far.causes()) {
      if (cause == nullptr && Contains(kind.causes, label.id())) cause = &label;
    }
    if (!kind.causes.empty() && cause == nullptr) continue;
    Scored scored;
    const auto take = [&](const v1::Label& label) {
      for (const v1::Evidence& evidence : label.evidence()) {
        AddEvidence(kind.id, evidence.words(), evidence.weight(), &scored);
      }
    };
    if (cause != nullptr) take(*cause);
    if (kind.needs_attack) {
      for (const v1::Evidence& evidence : attack.evidence) scored.evidence.push_back(evidence);
    }
    if (scored.evidence.empty()) take(so_far.event_type());
    return ToLabel(kind.label, kind.confidence, std::move(scored));
  }
  return {};
}

v1::Classification Decide(TextScorer scorer, const Rules& rules) {
  v1::Classification classification;
  *classification.mutable_event_type() = DecideEvent(scorer.events(), rules);
  for (v1::Label& label : DecideCauses(scorer.causes(), rules)) {
    *classification.add_causes() = std::move(label);
  }
  // Nothing at all was recognised: then nothing is said about the kind either.
  if (classification.event_type().id().empty() && classification.causes().empty()) {
    return classification;
  }
  if (classification.causes().empty()) {
    Scored none;
    AddEvidence("cause.none-stated", "", rules.score_min(), &none);
    *classification.add_causes() = ToLabel("unknown", 50, std::move(none));
  }
  *classification.mutable_gov_kind() = DecideKind(classification, scorer.attack(), rules);
  return classification;
}

}  // namespace

v1::Classification ClassifyText(std::string_view text, const Rules& rules) {
  return Decide(TextScorer(text, rules), rules);
}

std::string IncidentText(const v1::IncidentReport& report) {
  std::string text;
  for (const std::string* part :
       {&report.title(), &report.what_happened(), &report.impact(), &report.response()}) {
    // A blank line ends a sentence.
    if (!part->empty()) text.append(*part).append("\n\n");
  }
  return text;
}

v1::Classification ClassifyIncident(const v1::IncidentReport& report, const Rules& rules) {
  const std::string text = IncidentText(report);
  TextScorer scorer(text, rules);
  if (taxonomy::IsEventType(report.event_type())) {
    AddEvidence("reporter.event-type", report.event_type(), kReportersWeight,
                &scorer.events()[report.event_type()]);
  }
  for (const std::string& cause : report.causes()) {
    if (!taxonomy::IsCause(cause)) continue;
    AddEvidence("reporter.cause", cause, kReportersWeight, &scorer.causes()[cause]);
  }
  return Decide(std::move(scorer), rules);
}

v1::Classification ClassifyMail(const v1::SuspiciousMail& mail, const Rules& rules) {
  const v1::MailTreatment& treatment = mail.treatment();
  TextScorer scorer(mail.note(), rules);
  AddEvidence("mail.received", "suspicious mail", 90, &scorer.causes()["suspicious_mail"]);
  if (treatment.attachment_run()) {
    AddEvidence("mail.attachment-run", "attachment_run: true", 90,
                &scorer.causes()["suspicious_file_run"]);
    AddEvidence("mail.attachment-run", "attachment_run: true", 60,
                &scorer.events()["malicious_code_execution"]);
  }
  if (treatment.link_clicked()) {
    AddEvidence("mail.link-clicked", "link_clicked: true", 90, &scorer.causes()["suspicious_site"]);
  }
  // What a click led to only people can say; without one, receiving is all that happened.
  if (!treatment.attachment_run() && !treatment.link_clicked()) {
    AddEvidence("mail.not-acted-on",
                treatment.has_opened() && !treatment.opened() ? "opened: false" : "received", 80,
                &scorer.events()["precursor"]);
  }
  scorer.causes().erase("unknown");
  return Decide(std::move(scorer), rules);
}

v1::Classification ClassifyObservation(const v1::Observation& observation, const Rules& rules) {
  // "sqli-attempt" is two words to the rules.
  std::string event = observation.event();
  std::replace_if(
      event.begin(), event.end(), [](char c) { return c == '-' || c == '_' || c == '.'; }, ' ');
  return ClassifyText(event + ".\n" + observation.detail(), rules);
}

}  // namespace noroshi::analysis
