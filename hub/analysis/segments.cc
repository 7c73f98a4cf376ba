#include "hub/analysis/segments.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/check.h"
#include "common/text/unicode.h"
#include "hub/analysis/atoms.h"
#include "hub/analysis/links.h"

namespace noroshi::analysis {

extern const std::string_view kSegmentsText;

namespace {

// What stands above a boundary says something of its own from here on.
constexpr uint32_t kSaysWeight = 12;
// A report's words above a boundary that need to be found for a long text.
constexpr size_t kReportPhrases = 2;
constexpr uint32_t kShortReportWeight = 200;
constexpr size_t kBoundaryLinesMax = 400;  // Looked at for where the received mail begins.
constexpr int kNestingMax = 4;             // Reports of reports.
constexpr size_t kEdgeLines = 8;           // Banners stand within so many lines of either end.
constexpr size_t kBannerBytesMax = 400;
constexpr size_t kSignatureLinesMax = 10;
constexpr size_t kListLinesMax = 4;
constexpr size_t kListLineBytesMax = 100;
constexpr size_t kFooterGap = 2;

enum class Part { kReport, kBegin, kFooter, kList, kBanner, kSignature };

// The phrases of data/segments.txt, found in one pass over a line.
class PhraseBook {
 public:
  static const PhraseBook& Get() {
    static const PhraseBook* instance = new PhraseBook();  // As long as the process.
    return *instance;
  }
  // Ids of the phrases that the line holds, each once.
  void Find(std::string_view words, std::vector<int>* found) const { finder_.Find(words, found); }
  Part PartOf(int phrase) const { return parts_[static_cast<size_t>(phrase)]; }

 private:
  PhraseBook() {
    const std::map<std::string_view, Part> names = {
        {"[report]", Part::kReport}, {"[begin]", Part::kBegin},
        {"[footer]", Part::kFooter}, {"[list]", Part::kList},
        {"[banner]", Part::kBanner}, {"[signature]", Part::kSignature}};
    std::vector<std::string> phrases;
    Part part = Part::kReport;
    for (std::string_view rest = kSegmentsText; !rest.empty();) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (line.empty() || line[0] == '#') continue;
      if (line[0] == '[') {
        part = names.at(line);
      } else {
        phrases.push_back(text::NormaliseForMatching(line));
        parts_.push_back(part);
      }
    }
    const std::set<std::string> different(phrases.begin(), phrases.end());
    NOROSHI_CHECK(different.size() == phrases.size());
    finder_ = AtomFinder(phrases);
  }
  AtomFinder finder_;
  std::vector<Part> parts_;  // By phrase.
};

bool Holds(std::string_view words, std::string_view phrase) {
  return words.find(phrase) != std::string_view::npos;
}

// Without what mail programs write for pictures and links: "[cid:…]", "[image: …]",
// "[画像: …]", "<mailto:…>".
std::string WithoutMarkers(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (size_t at = 0; at < line.size();) {
    const std::string_view rest = line.substr(at);
    const bool link = rest.starts_with("<mailto:");
    const bool image =
        rest.starts_with("[cid:") || rest.starts_with("[image:") || rest.starts_with("[画像:");
    const size_t end = link || image ? rest.substr(0, 2048).find(link ? '>' : ']') : rest.npos;
    if (end == std::string_view::npos) {
      out.push_back(line[at++]);
    } else {
      at += end + 1;
    }
  }
  return out;
}

// "From:", "差出人:" … as mail programs write them above what they quote.
constexpr std::string_view kHeaderNames[] = {
    "from:",    "差出人:", "送信者:", "送信元:", "sent:",     "date:",     "to:",   "cc:",
    "subject:", "件名:",   "題名:",   "宛先:",   "送信日時:", "受信日時:", "日時:", "日付:"};

constexpr size_t kHeaderNameBytesMax = 24;

struct Line {
  std::string words;
  std::vector<int> phrases;
  uint32_t weight = 0;
  int depth = 0;        // Of ">" quoting.
  bool blank = false;   // Nothing, or only a rule.
  bool rule = false;    // ――――, -----, _____
  bool dashes = false;  // Exactly "--": a signature follows.
  SegmentKind kind = SegmentKind::kLure;

  bool Has(Part part) const {
    return std::any_of(phrases.begin(), phrases.end(),
                       [&](int phrase) { return PhraseBook::Get().PartOf(phrase) == part; });
  }
  void AddPhrases(Part part, std::set<int>* found) const {
    for (const int phrase : phrases) {
      if (PhraseBook::Get().PartOf(phrase) == part) found->insert(phrase);
    }
  }
};

bool IsHeaderLine(const Line& line) {
  if (line.words.find(':') > kHeaderNameBytesMax) return false;
  std::string head = line.words.substr(0, kHeaderNameBytesMax);
  std::erase_if(head, [](char c) { return c == ' ' || c == '*'; });
  return std::any_of(std::begin(kHeaderNames), std::end(kHeaderNames),
                     [&](std::string_view name) { return head.starts_with(name); });
}

// "-----Original Message-----", "---------- Forwarded message ---------".
bool IsSeparator(const Line& line) {
  const bool ruled = line.words.starts_with("--") || line.words.starts_with("==") ||
                     line.words.starts_with("__") || line.words.ends_with("--");
  if (!ruled || line.words.size() > 120) return false;
  for (const std::string_view word :
       {"original message", "forwarded message", "forwarded by", "forwarded mail", "original mail",
        "original appointment", "転送メッセージ", "転送されたメッセージ", "元のメッセージ",
        "元のメール", "転送メール", "オリジナルメッセージ"}) {
    if (Holds(line.words, word)) return true;
  }
  return false;
}

// "X さんは書きました:", "On Monday, X wrote:", "2023年4月11日(火) 10:00 X <x@example>:".
bool IsAttribution(const Line& line) {
  if (line.words.size() < 8 || line.words.size() > 300) return false;
  for (const std::string_view end :
       {"wrote:", "書きました:", "書きました。",
        "のメッセージ:", "writes:", "schrieb:", "a écrit :", "escreveu:", "escribió:"}) {
    if (line.words.ends_with(end)) return true;
  }
  const size_t year = line.words.find("年");
  return line.words.ends_with(":") && year != std::string::npos && year >= 4 && year < 12 &&
         Holds(line.words, "月") && Holds(line.words, "日");
}

class Segmenter {
 public:
  explicit Segmenter(std::string_view text) { Split(text.substr(0, kSegmentTextBytesMax)); }

  std::vector<SegmentLine> Run() {
    MarkReports();
    MarkQuotes();
    MarkBanners();
    MarkSignature();
    MarkFooters();
    std::vector<SegmentLine> out;
    for (Line& line : lines_) {
      if (!line.words.empty() && !line.rule) out.push_back({line.kind, std::move(line.words)});
    }
    return out;
  }

 private:
  void Split(std::string_view text) {
    for (size_t begin = 0; begin < text.size() && lines_.size() < kSegmentLinesMax;) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      lines_.push_back(Read(text.substr(begin, end - begin)));
      begin = end + 1;
    }
  }

  static Line Read(std::string_view raw) {
    Line line;
    while (!raw.empty() && (raw[0] == '>' || raw[0] == ' ' || raw[0] == '\t' || raw[0] == '\r')) {
      if (raw[0] == '>') ++line.depth;
      raw.remove_prefix(1);
    }
    line.blank = true;
    if (raw.empty()) return line;  // Most lines of HTML.
    line.words = text::NormaliseForMatching(WithoutUrls(WithoutMarkers(raw)));
    line.weight = text::TextWeight(line.words);
    line.blank = line.weight == 0;
    PhraseBook::Get().Find(line.words, &line.phrases);
    line.dashes = line.words == "--";
    line.rule = line.blank && line.words.size() >= 3;
    return line;
  }

  // The weight of lure lines in [begin, end), up to what matters.
  bool Says(size_t begin, size_t end) const {
    uint32_t weight = 0;
    for (size_t i = begin; i < end && weight < kSaysWeight; ++i) {
      if (lines_[i].kind == SegmentKind::kLure) weight += lines_[i].weight;
    }
    return weight >= kSaysWeight;
  }

  void Mark(size_t begin, size_t end, SegmentKind kind) {
    for (size_t i = begin; i < end; ++i) lines_[i].kind = kind;
  }

  // Whether the lines are a report's, by its words. Long notes need more than one.
  bool IsReport(size_t begin, size_t end) const {
    std::set<int> found;
    uint32_t weight = 0;
    for (size_t i = begin; i < end; ++i) {
      lines_[i].AddPhrases(Part::kReport, &found);
      weight += lines_[i].weight;
    }
    return found.size() >= kReportPhrases || (!found.empty() && weight < kShortReportWeight);
  }

  // Where what was received begins: at a separator, a header block, an attribution over
  // nothing but quoted lines, or a form's own words. npos: nowhere.
  size_t FindBoundary(size_t begin) const {
    const size_t end = std::min(lines_.size(), begin + kBoundaryLinesMax);
    for (size_t i = begin; i < end; ++i) {
      const Line& line = lines_[i];
      if (IsSeparator(line) || line.Has(Part::kBegin)) return i;
      if (IsAttribution(line) && AllQuoted(i + 1)) return i;
      if (IsHeaderLine(line) && i + 1 < lines_.size() && IsHeaderLine(lines_[i + 1])) return i;
      const bool quoted = line.depth > 0 && !line.blank && line.depth > depth_;
      if (quoted && AllQuoted(i)) return i;
    }
    return std::string::npos;
  }

  bool AllQuoted(size_t begin) const {
    bool any = false;
    for (size_t i = begin; i < lines_.size(); ++i) {
      if (lines_[i].blank) continue;
      if (lines_[i].depth <= depth_) return false;
      any = true;
    }
    return any;
  }

  // Behind the separator and the header lines that begin at a boundary.
  size_t BehindHeaders(size_t boundary) const {
    size_t i = boundary;
    if (!IsHeaderLine(lines_[i]) && lines_[i].depth <= depth_) ++i;
    size_t last = i;
    for (size_t count = 0; i < lines_.size() && count < 16; ++i, ++count) {
      if (IsHeaderLine(lines_[i])) {
        last = i + 1;
      } else if (!lines_[i].blank && !IsSeparator(lines_[i])) {
        break;
      }
    }
    return last;
  }

  void MarkReports() {
    size_t begin = 0;
    for (int nesting = 0; nesting < kNestingMax; ++nesting) {
      const size_t boundary = FindBoundary(begin);
      if (boundary == std::string::npos) return;
      const bool says = Says(begin, boundary);
      if (says && !IsReport(begin, boundary)) return;
      const size_t behind = BehindHeaders(boundary);
      if (!Says(behind, lines_.size())) return;  // Nothing follows: it was no report.
      Mark(begin, behind, SegmentKind::kReport);
      begin = first_ = behind;
      depth_ = lines_.size();
      size_t depth = 64;
      for (size_t i = begin; i < lines_.size(); ++i) {
        if (!lines_[i].blank) depth = std::min(depth, static_cast<size_t>(lines_[i].depth));
      }
      depth_ = static_cast<int>(depth);
    }
  }

  // Under a lure that says something: a conversation that it pretends to continue.
  void MarkQuotes() {
    for (size_t i = first_; i < lines_.size(); ++i) {
      const Line& line = lines_[i];
      const bool attribution = IsAttribution(line) && i + 1 < lines_.size() && FollowsQuoted(i + 1);
      const bool headers =
          IsHeaderLine(line) && i + 1 < lines_.size() && IsHeaderLine(lines_[i + 1]);
      if (!attribution && !headers && !IsSeparator(line) && line.depth <= depth_) continue;
      if (!Says(first_, i)) continue;
      if (line.depth > depth_ && !headers && !IsSeparator(line)) {
        lines_[i].kind = SegmentKind::kQuote;  // What is written between quoted lines stays.
        continue;
      }
      if (attribution) {
        lines_[i].kind = SegmentKind::kQuote;
        continue;
      }
      return Mark(i, lines_.size(), SegmentKind::kQuote);
    }
  }

  bool FollowsQuoted(size_t i) const {
    while (i < lines_.size() && lines_[i].blank) ++i;
    return i < lines_.size() && lines_[i].depth > depth_;
  }

  void MarkBanners() {
    std::vector<size_t> says;
    for (size_t i = first_; i < lines_.size(); ++i) {
      if (lines_[i].kind == SegmentKind::kLure && !lines_[i].blank) says.push_back(i);
    }
    for (size_t n = 0; n < says.size(); ++n) {
      if (n >= kEdgeLines && n + kEdgeLines < says.size()) continue;
      Line& line = lines_[says[n]];
      if (line.words.size() <= kBannerBytesMax && line.Has(Part::kBanner)) {
        line.kind = SegmentKind::kFooter;
      }
    }
  }

  // From "--" on, if few lines follow; or a block of contact lines, or a mailing list's
  // few short lines, under a rule.
  void MarkSignature() {
    for (size_t i = first_; i < lines_.size(); ++i) {
      if (lines_[i].kind != SegmentKind::kLure || !(lines_[i].dashes || lines_[i].rule)) continue;
      size_t end = i + 1;
      int contacts = 0;
      bool list = false;
      bool brief = true;
      for (; end < lines_.size() && end - i <= kSignatureLinesMax; ++end) {
        if (lines_[end].words.empty() || lines_[end].rule) break;
        if (lines_[end].Has(Part::kSignature)) ++contacts;
        if (lines_[end].Has(Part::kList)) list = true;
        if (lines_[end].words.size() > kListLineBytesMax) brief = false;
      }
      const bool fits = end - i <= kSignatureLinesMax;
      list = list && brief && end - i - 1 <= kListLinesMax;
      if (fits && (lines_[i].dashes || contacts >= 2 || list) && Says(first_, i)) {
        Mark(i, end, SegmentKind::kFooter);
      }
    }
  }

  // Runs of lines that are a legal notice by their words. A run goes from the first line
  // with such a phrase to the last, over at most kFooterGap lines without; HTML puts no
  // blank line between what the lure says and what a gateway added.
  void MarkFooters() {
    for (size_t i = first_; i < lines_.size(); ++i) {
      if (lines_[i].kind != SegmentKind::kLure || !lines_[i].Has(Part::kFooter)) continue;
      std::set<int> found;  // Different phrases of the run.
      size_t end = i + 1;
      for (size_t k = i; k < lines_.size() && k < end + kFooterGap; ++k) {
        if (!lines_[k].Has(Part::kFooter)) continue;
        lines_[k].AddPhrases(Part::kFooter, &found);
        end = k + 1;
      }
      if (found.size() >= 2) Mark(i, end, SegmentKind::kFooter);
      i = end - 1;
    }
  }

  std::vector<Line> lines_;
  size_t first_ = 0;  // Behind reports.
  int depth_ = 0;     // Quoting that all lines from first_ on share.
};

}  // namespace

std::vector<SegmentLine> SegmentText(std::string_view visible_text) {
  return Segmenter(visible_text).Run();
}

std::string Joined(const std::vector<SegmentLine>& lines, SegmentKind kind) {
  std::string out;
  for (const SegmentLine& line : lines) {
    if (line.kind == kind) out.append(line.text).push_back('\n');
  }
  return out;
}

}  // namespace noroshi::analysis
