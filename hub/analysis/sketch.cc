#include "hub/analysis/sketch.h"

#include <algorithm>
#include <array>
#include <bit>
#include <set>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/text/unicode.h"
#include "hub/analysis/host.h"
#include "hub/analysis/innocent_hosts.h"
#include "hub/analysis/kind.h"
#include "hub/analysis/segments.h"

namespace noroshi::analysis {
namespace {

constexpr size_t kShingle = 5;     // Characters.
constexpr size_t kHanShingle = 4;  // Where kana, han or hangul begin: each says more.
constexpr uint32_t kSubjectWeightMin = 12;
constexpr size_t kHeadBytesMin = 512;
constexpr size_t kPagePathBytesMin = 6;  // "/view/x": shorter ones are menus.

// ---- the text's characters ----

// Letters of other scripts that look like a Latin one.
char32_t FoldLookalike(char32_t c) {
  struct Pair {
    char32_t from, to;
  };
  static constexpr Pair kPairs[] = {
      {U'а', U'a'}, {U'е', U'e'}, {U'о', U'o'}, {U'р', U'p'}, {U'с', U'c'}, {U'у', U'y'},
      {U'х', U'x'}, {U'і', U'i'}, {U'ѕ', U's'}, {U'ԁ', U'd'}, {U'ј', U'j'}, {U'ο', U'o'},
      {U'α', U'a'}, {U'ν', U'v'}, {U'ι', U'i'}, {U'ı', U'i'}, {U'т', U't'}, {U'һ', U'h'}};
  if (c < 0x131 || c > 0x520) return c;
  for (const Pair& pair : kPairs) {
    if (pair.from == c) return pair.to;
  }
  return c;
}

bool IsAsciiLetter(char32_t c) { return c >= 'a' && c <= 'z'; }

// Letters of any script; the text is normalised, so there are no capitals.
bool IsLetter(char32_t c) {
  if (c < 0x80) return IsAsciiLetter(c);
  if (c < 0xc0 || c == 0xd7 || c == 0xf7) return false;
  const bool mark = (c >= 0x2000 && c < 0x2c00) || (c >= 0x3000 && c < 0x3040 && c != 0x3005) ||
                    c == 0x30fb || (c >= 0xd800 && c < 0xf900) || (c >= 0xfe00 && c < 0xfe70) ||
                    c >= 0xfff0;
  // Han beyond the basic plane.
  return !mark || (c >= 0x20000 && c < 0x32000);
}

bool IsHan(char32_t c) { return (c >= 0x3005 && c < 0xa000) || (c >= 0xac00 && c < 0xd7b0); }

// Decodes the valid UTF-8 that normalisation gives.
char32_t NextCharacter(std::string_view text, size_t* at) {
  const auto lead = static_cast<unsigned char>(text[(*at)++]);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  char32_t c = lead & (0x3f >> more);
  for (int i = 0; i < more && *at < text.size(); ++i) {
    c = c << 6 | (static_cast<unsigned char>(text[(*at)++]) & 0x3f);
  }
  return c;
}

// Whether a word was written for one recipient only: an address, a token with a digit.
bool IsPersonal(std::string_view word) {
  if (word.find('@') != word.npos) return true;
  const bool ascii = std::all_of(word.begin(), word.end(), [](char c) { return c > 0; });
  return ascii &&
         std::any_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The letters that count, of a normalised text.
std::u32string Letters(std::string_view normalised) {
  std::u32string letters;
  letters.reserve(normalised.size());
  for (size_t begin = 0; begin < normalised.size();) {
    size_t end = begin;
    while (end < normalised.size() && normalised[end] != ' ' && normalised[end] != '\n') ++end;
    const std::string_view word = normalised.substr(begin, end - begin);
    begin = end + 1;
    if (IsPersonal(word)) continue;
    for (size_t at = 0; at < word.size();) {
      const char32_t c = FoldLookalike(NextCharacter(word, &at));
      if (IsLetter(c)) letters.push_back(c);
    }
  }
  return letters;
}

uint32_t WeightOf(const std::u32string& letters) {
  uint32_t weight = 0;
  for (const char32_t c : letters) weight += IsHan(c) ? 2 : 1;
  return weight;
}

std::string Bytes(const std::u32string& letters) {
  std::string bytes;
  bytes.reserve(letters.size() * 4);
  for (const char32_t c : letters) AppendBigEndian32(c, &bytes);
  return bytes;
}

// ---- MinHash ----

// SplitMix64's finaliser (Steele et al. 2014).
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

static_assert(kMinhashSlots == 128, "a slot is chosen by the top seven bits");

class Minhash {
 public:
  Minhash() { slots_.fill(kEmpty); }

  void Add(uint64_t shingle) {
    for (uint64_t i = 0; i < kMinhashSpread; ++i) {
      const uint64_t hash = Mix(shingle + i * 0xd6e8feb86659fd93);
      uint64_t& slot = slots_[hash >> 57];
      slot = std::min<uint64_t>(slot, static_cast<uint32_t>(hash));
    }
  }

  size_t filled() const {
    return kMinhashSlots - static_cast<size_t>(std::count(slots_.begin(), slots_.end(), kEmpty));
  }

  // At least one slot is filled.
  std::vector<uint32_t> Slots() const {
    std::vector<uint32_t> slots;
    for (uint64_t slot = 0; slot < kMinhashSlots; ++slot) {
      uint64_t from = slot;
      for (uint64_t attempt = 1; slots_[from] == kEmpty; ++attempt) {
        from = Mix(slot * 1'000'003 + attempt) >> 57;
      }
      slots.push_back(static_cast<uint32_t>(slots_[from]));
    }
    return slots;
  }

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;  // Larger than every value.
  std::array<uint64_t, kMinhashSlots> slots_;
};

// Empty: the text says too little.
std::vector<uint32_t> MinhashOf(const std::u32string& letters) {
  Minhash minhash;
  const size_t count = std::min(letters.size(), kShinglesMax);
  for (size_t i = 0; i < count; ++i) {
    const size_t length = IsHan(letters[i]) ? kHanShingle : kShingle;
    if (i + length > letters.size()) break;
    uint64_t hash = length;
    for (size_t k = 0; k < length; ++k) hash = (hash ^ letters[i + k]) * 0x100000001b3;
    minhash.Add(hash);
  }
  return minhash.filled() < kFilledSlotsMin ? std::vector<uint32_t>() : minhash.Slots();
}

std::u32string LureOf(std::string_view text) {
  return Letters(Joined(SegmentText(text), SegmentKind::kLure));
}

// ---- ties ----

// A subject without what replies, forwards, gateways and filters put before it.
std::string_view BareSubject(std::string_view subject) {
  for (bool again = true; again;) {
    again = false;
    while (!subject.empty() && subject[0] == ' ') subject.remove_prefix(1);
    for (const std::string_view mark : {"re:", "fw:", "fwd:", "aw:", "wg:", "tr:", "rv:", "res:",
                                        "enc:", "sv:", "vs:", "転送:", "返信:", "***spam***"}) {
      if (!subject.starts_with(mark)) continue;
      subject.remove_prefix(mark.size());
      again = true;
    }
    const bool wide = subject.starts_with("【");
    if (!wide && !subject.starts_with("[")) continue;
    const size_t close = subject.find(wide ? "】" : "]");
    if (close == std::string_view::npos) continue;
    const std::string_view tag = subject.substr(wide ? 3 : 1, close - (wide ? 3 : 1));
    for (const std::string_view word : {"spam", "ext", "bulk", "caution", "suspicious", "外部",
                                        "注意", "不審", "転送", "組織外"}) {
      if (tag.find(word) == std::string_view::npos) continue;
      subject.remove_prefix(close + (wide ? 3 : 1));
      again = true;
      break;
    }
  }
  return subject;
}

bool IsImage(const v1::AttachmentFacts& file) {
  return file.type().starts_with("image/") ||
         (file.type().empty() && file.declared_type().starts_with("image/"));
}

// Cards and signatures are their sender's, whatever he sends.
bool IsPersonalFile(const v1::AttachmentFacts& file) {
  for (const std::string_view word : {"pkcs7-signature", "pgp-signature", "vcard", "pgp-keys"}) {
    if (file.declared_type().find(word) != std::string::npos) return true;
  }
  return false;
}

// A short plain text stands for nothing: a gateway leaves one where it took a file away, a
// broken kit its own leftovers. Scripts, shortcuts and pages carry markers of theirs.
bool IsNote(const v1::AttachmentFacts& file) {
  constexpr std::string_view kHarmless[] = {"double_extension", "rtl", "type_mismatch"};
  return file.size() < kTieNoteBytesMin && file.type() == "text/plain" &&
         std::all_of(file.markers().begin(), file.markers().end(), [&](const std::string& marker) {
           return std::find(std::begin(kHarmless), std::end(kHarmless), marker) !=
                  std::end(kHarmless);
         });
}

class Ties {
 public:
  explicit Ties(v1::MailSketch* sketch) : sketch_(*sketch) {}

  void Add(v1::TieKind kind, std::string_view value, std::string_view shown) {
    if (static_cast<size_t>(sketch_.ties_size()) >= kTiesMax) return;
    Sha256 hash;
    hash.Update("noroshi tie 1\n").Update(BigEndian64(kind)).Update(value);
    std::string key = hash.Finish().substr(0, kTieKeyBytes);
    if (!seen_.insert(key).second) return;
    v1::MailTie* tie = sketch_.add_ties();
    tie->set_kind(kind);
    tie->set_key(std::move(key));
    tie->set_shown(std::string(TruncateUtf8(shown, kTieShownBytesMax)));
  }

 private:
  v1::MailSketch& sketch_;
  std::set<std::string> seen_;
};

void AddTextTies(const std::u32string& text, const std::u32string& subject,
                 const v1::MailFacts& facts, uint32_t weight, Ties* ties) {
  const std::string bytes = Bytes(text);
  const uint32_t subject_weight = WeightOf(subject);
  if (weight >= kTextWeightMin || facts.attachments_size() > 0) {
    Sha256 all;
    all.Update(BigEndian64(bytes.size())).Update(bytes);
    std::set<std::string> parts;
    // Images and the cover differ between those who see the same mail.
    for (int i = 0; i < facts.urls_size() && i < facts.links_size(); ++i) {
      if (IsRealLink(facts.links(i))) parts.insert(facts.urls(i));
    }
    for (const auto& file : facts.attachments()) parts.insert(file.sha256());
    for (const std::string& part : parts) all.Update(BigEndian64(part.size())).Update(part);
    ties->Add(v1::TIE_KIND_SAME_MAIL, all.Finish(), "");
  }
  if (weight >= kTextWeightMin) {
    ties->Add(v1::TIE_KIND_SAME_TEXT, bytes, "");
  } else if (weight >= kShortTextWeightMin && subject_weight >= kSubjectWeightMin) {
    ties->Add(v1::TIE_KIND_SAME_TEXT, bytes + '\n' + Bytes(subject), facts.subject());
  }
  if (subject_weight >= kSubjectWeightMin) {
    ties->Add(v1::TIE_KIND_SUBJECT, Bytes(subject), facts.subject());
  }
}

void AddFileTies(const v1::MailFacts& facts, const std::vector<std::string>& heads, uint32_t weight,
                 Ties* ties) {
  for (int i = 0; i < facts.attachments_size(); ++i) {
    const v1::AttachmentFacts& file = facts.attachments(i);
    if (file.size() < kTieFileBytesMin || IsNote(file) || IsPersonalFile(file)) continue;
    // A brand's logo ties nothing; where the picture is the lure, it does.
    if (IsImage(file) && weight >= kTextWeightMin) continue;
    ties->Add(v1::TIE_KIND_ATTACHMENT, file.sha256(), file.name());
    if (static_cast<size_t>(i) < heads.size() && !heads[i].empty()) {
      ties->Add(v1::TIE_KIND_ATTACHMENT_HEAD, heads[i], file.name());
    }
    for (const v1::ArchiveMember& member : file.members()) {
      if (member.size() < kTieFileBytesMin || member.sha256().empty()) continue;
      ties->Add(v1::TIE_KIND_ATTACHMENT, member.sha256(), member.name());
    }
  }
}

std::string_view PathOf(std::string_view url) {
  const size_t scheme = url.find("://");
  const size_t slash = scheme == url.npos ? url.npos : url.find('/', scheme + 3);
  if (slash == url.npos) return {};
  const std::string_view path = url.substr(slash);
  return path.substr(0, path.find_first_of("?#"));
}

// What the mail or a page attached to it leads to; not what it only loads.
bool LeadsSomewhere(const v1::MailLink& link, bool followed) {
  if (link.place() == v1::LINK_PLACE_ATTACHMENT) return true;
  return followed && IsRealLink(link) && link.place() != v1::LINK_PLACE_HEADER;
}

void AddLinkTies(const v1::MailFacts& facts, Ties* ties) {
  for (int i = 0; i < facts.links_size(); ++i) {
    const v1::MailLink& link = facts.links(i);
    if (!LeadsSomewhere(link, i < facts.urls_size())) continue;
    const std::string& written = i < facts.urls_size() ? facts.urls(i) : link.url();
    // Behind a gateway's rewriting stands what the sender wrote.
    const std::string& url = link.target().empty() ? written : link.target();
    const std::string host = link.target().empty() ? link.host() : HostOf(url);
    const HostUse use = UseOfHost(host);
    if (host.empty() || use == HostUse::kInnocent) continue;
    if (use == HostUse::kShared) {
      const std::string_view path = PathOf(url);
      if (path.size() < kPagePathBytesMin) continue;
      const std::string page = host + std::string(path);
      ties->Add(v1::TIE_KIND_PAGE, page, page);
      continue;
    }
    ties->Add(v1::TIE_KIND_HOST, host, host);
    if (link.target().empty() && !link.domain().empty() && link.domain() != host) {
      ties->Add(v1::TIE_KIND_DOMAIN, link.domain(), link.domain());
    }
  }
  for (const std::string& address : facts.reply_to()) {
    ties->Add(v1::TIE_KIND_ADDRESS, address, address);
  }
}

}  // namespace

v1::MailSketch SketchMail(const MailTexts& texts, const v1::MailFacts& facts,
                          const std::vector<std::string>& heads) {
  v1::MailSketch sketch;
  sketch.set_version(kSketchVersion);
  std::u32string text = LureOf(texts.visible);
  std::u32string other = LureOf(texts.other);
  // A picture with a text for those who do not see it.
  if (WeightOf(text) < kTextWeightMin && WeightOf(other) >= kTextWeightMin) std::swap(text, other);
  if (other == text) other.clear();
  // What mail programs show and this reader takes for hidden, or the other way round.
  if (WeightOf(text) < kTextWeightMin) other = LureOf(texts.hidden);
  for (const std::u32string* letters : {&text, &other}) {
    const std::vector<uint32_t> slots = MinhashOf(*letters);
    sketch.mutable_minhash()->Add(slots.begin(), slots.end());
  }
  const std::string normal = text::NormaliseForMatching(facts.subject());
  const std::u32string subject = Letters(BareSubject(normal));
  sketch.set_weight(WeightOf(text));
  Ties ties(&sketch);
  AddTextTies(text, subject, facts, sketch.weight(), &ties);
  AddFileTies(facts, heads, sketch.weight(), &ties);
  AddLinkTies(facts, &ties);
  return sketch;
}

std::string AttachmentHead(std::string_view content) {
  if (content.size() <= kHeadBytesMin) return {};
  return Sha256Of(content.substr(0, std::bit_floor(content.size() - 1)));
}

}  // namespace noroshi::analysis
