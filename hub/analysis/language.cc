#include "hub/analysis/language.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <unordered_map>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "hub/analysis/links.h"

namespace noroshi::analysis {
namespace {

struct Language {
  std::string_view code;
  std::string_view words;  // Function words, between spaces, in lower case.
};
// Words that several languages share stand in each of them.
constexpr Language kLatin[] = {
    {"en",
     " the and you your to of is are we have this that for with please will be from our not it "
     "can if has been was an on in by as "},
    {"de",
     " der die das und sie ihr ihre ihren ist nicht ein eine mit für von zu auf wir den dem des "
     "sich haben wird bitte im in werden können oder "},
    {"nl",
     " de het een en van u uw is niet met voor op wij dat te zijn worden heeft om bij als aan uit "
     "naar kunt deze door in "},
    {"fr",
     " le la les et vous votre vos de des du est nous pour une un dans sur que pas avec au ce "
     "cette par en à ne qui "},
    {"pt",
     " o a os as e você seu sua de da do dos das que para com não em um uma por no na se ao "
     "foi pelo este esta mais "},
    {"es",
     " el la los las y su de del que para con no en un una por se al es usted lo este esta "
     "como más ha "},
    {"it",
     " il la i gli le e di del della che per con non un una in è si da al tuo suo vostro questo "
     "sono nel ha "},
    {"sv", " och att det som en på är av för med den till inte har du vi om ett din kan från i "},
    {"da", " og at det som en på er af for med den til ikke har du vi om et din kan fra i "},
    {"pl", " i w na z do się nie jest to że o za po od dla twoje twój oraz jak przez "},
    {"tr", " ve bir bu için ile da de olarak çok daha sizin lütfen en olan gibi ya "},
    {"id", " dan yang di untuk dengan anda ini dari pada akan ke tidak kami atau adalah dalam "},
    {"vi", " và của là các có không cho được một bạn trong với này để những "},
    {"fi", " ja on ei se että joka tai sinun voit kun ovat myös jos tämä olet "},
    {"cs", " a v se na je že to s z do o pro za jsme vaše nebo který jako po "},
    {"ro", " și în de la cu pe nu este un o să din pentru care mai sunt dumneavoastră "},
    {"hu", " a az és hogy nem is egy ez van meg de ha vagy kell ön "},
};
constexpr size_t kWordBytesMax = 24;
constexpr uint32_t kWordsMin = 3;     // That speak for a language.
constexpr uint32_t kLettersMin = 12;  // Of a script; Japanese letters count three times.

struct Count {
  uint32_t latin = 0, kana = 0, han = 0, hangul = 0, cyrillic = 0, arabic = 0, hebrew = 0;
  uint32_t thai = 0, greek = 0, devanagari = 0;
};

void CountLetter(UChar32 c, Count* count) {
  UErrorCode error = U_ZERO_ERROR;
  switch (uscript_getScript(c, &error)) {
    case USCRIPT_LATIN:
      ++count->latin;
      break;
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
      count->kana += 3;
      break;
    case USCRIPT_HAN:
      count->han += 3;
      break;
    case USCRIPT_HANGUL:
      count->hangul += 3;
      break;
    case USCRIPT_CYRILLIC:
      ++count->cyrillic;
      break;
    case USCRIPT_ARABIC:
      ++count->arabic;
      break;
    case USCRIPT_HEBREW:
      ++count->hebrew;
      break;
    case USCRIPT_THAI:
      ++count->thai;
      break;
    case USCRIPT_GREEK:
      ++count->greek;
      break;
    case USCRIPT_DEVANAGARI:
      ++count->devanagari;
      break;
    default:
      break;
  }
}

// For each word the languages that it speaks for, as bits in kLatin's order.
const std::unordered_map<std::string_view, uint32_t>& Words() {
  static const auto* const words = [] {
    auto* map = new std::unordered_map<std::string_view, uint32_t>;
    for (size_t i = 0; i < std::size(kLatin); ++i) {
      std::string_view rest = kLatin[i].words.substr(1);
      for (size_t end = rest.find(' '); end != std::string_view::npos; end = rest.find(' ')) {
        (*map)[rest.substr(0, end)] |= 1u << i;
        rest.remove_prefix(end + 1);
      }
    }
    return map;
  }();
  return *words;
}

// Counts, for each language, the words of the text that are its own.
class WordCounter {
 public:
  void AsciiLetter(char c) {
    if (word_.size() <= kWordBytesMax) word_.push_back(LowerAscii(c));
  }

  void Letter(UChar32 c) {
    c = u_tolower(c);
    std::array<uint8_t, U8_MAX_LENGTH> bytes;
    int32_t size = 0;
    U8_APPEND_UNSAFE(bytes.data(), size, c);
    if (word_.size() <= kWordBytesMax) {
      word_.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(size));
    }
  }

  void EndWord() {
    const auto found = word_.empty() ? Words().end() : Words().find(word_);
    if (found != Words().end()) {
      for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += (found->second >> i) & 1;
    }
    word_.clear();
  }

  std::string Best() const {
    const auto best = std::max_element(counts_.begin(), counts_.end());
    if (*best < kWordsMin) return {};
    return std::string(kLatin[static_cast<size_t>(best - counts_.begin())].code);
  }

 private:
  std::string word_;
  std::array<uint32_t, std::size(kLatin)> counts_{};
};

std::string ByScript(const Count& count, const WordCounter& words) {
  const uint32_t east = count.kana + count.han;
  // A Japanese text may hold many Latin letters; a fifth of kana is no accident.
  if (count.kana >= kLettersMin && east * 4 >= count.latin) return "ja";
  struct Script {
    uint32_t letters;
    std::string_view code;
  };
  Script best{count.latin, ""};
  for (const Script& script :
       {Script{east, "zh"}, Script{count.hangul, "ko"}, Script{count.cyrillic, "ru"},
        Script{count.arabic, "ar"}, Script{count.hebrew, "he"}, Script{count.thai, "th"},
        Script{count.greek, "el"}, Script{count.devanagari, "hi"}}) {
    if (script.letters > best.letters) best = script;
  }
  if (best.letters < kLettersMin) return {};
  return best.code.empty() ? words.Best() : std::string(best.code);
}

}  // namespace

std::string LanguageOf(std::string_view utf8) {
  const std::string text = WithoutUrls(TruncateUtf8(utf8, kLanguageBytesMax));
  Count count;
  WordCounter words;
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < size;) {
    if (IsAsciiLetter(text[static_cast<size_t>(at)])) {  // Most, and ICU need not be asked.
      ++count.latin;
      words.AsciiLetter(text[static_cast<size_t>(at++)]);
      continue;
    }
    UChar32 c = 0;
    U8_NEXT(bytes, at, size, c);
    if (c >= 0 && u_isalpha(c)) {
      CountLetter(c, &count);
      words.Letter(c);
    } else {
      words.EndWord();
    }
  }
  words.EndWord();
  return ByScript(count, words);
}

}  // namespace noroshi::analysis
