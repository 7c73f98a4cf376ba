#include "hub/analysis/html.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "common/base/ascii.h"
#include "hub/analysis/html_links.h"

namespace noroshi::analysis {
namespace {

// What names say of an element.
enum Trait : uint8_t {
  kBlock = 1,
  kVoid = 2,
  kRawText = 4,    // Its content is text to the tokenizer, tags and all.
  kStructure = 8,  // Its end tag ends whatever is open inside.
};

struct Named {
  uint8_t trait;
  std::string_view names;  // Between spaces.
};
constexpr Named kNamed[] = {
    {kBlock,
     " address article aside blockquote body br center dd div dl dt fieldset figure footer form "
     "h1 h2 h3 h4 h5 h6 header hr li main nav ol option p pre section table tbody td th title tr "
     "ul "},
    {kVoid, " area base br col embed hr img input link meta param source track wbr "},
    {kRawText, " iframe noembed script style textarea title xmp "},
    {kStructure, " body center div html table td tr "},
};

// A set of Trait.
uint8_t TraitsOf(std::string_view element) {
  static const auto* const traits = [] {
    auto* map = new std::unordered_map<std::string_view, uint8_t>;  // As long as the process.
    for (const Named& named : kNamed) {
      for (std::string_view rest = named.names.substr(1); !rest.empty();) {
        const size_t end = rest.find(' ');
        (*map)[rest.substr(0, end)] |= named.trait;
        rest.remove_prefix(end + 1);
      }
    }
    return map;
  }();
  const auto found = traits->find(element);
  return found == traits->end() ? 0 : found->second;
}

// Whether the style gives the property the value zero: "font-size:0px".
bool IsZero(std::string_view style, std::string_view property) {
  for (size_t at = style.find(property); at != std::string_view::npos;
       at = style.find(property, at + 1)) {
    std::string_view value = style.substr(at + property.size());
    const bool whole_name = at == 0 || style[at - 1] == ';';
    if (!whole_name || !value.starts_with('0')) continue;
    value.remove_prefix(std::min(value.find_first_not_of("0."), value.size()));
    if (value.empty() || (value[0] < '0' || value[0] > '9')) return true;
  }
  return false;
}

bool IsHiding(std::string_view raw_style) {
  if (raw_style.empty()) return false;
  std::string style = LowerAscii(raw_style);
  std::erase_if(style, IsHtmlSpace);
  return style.find("display:none") != std::string::npos ||
         style.find("visibility:hidden") != std::string::npos ||
         style.find("mso-hide:all") != std::string::npos || IsZero(style, "font-size:") ||
         IsZero(style, "opacity:") || IsZero(style, "max-height:");
}

class Reader {
 public:
  enum class Part {
    kDocument,
    kInside,    // A part that is read by itself: no such parts in it.
    kOutlooks,  // The same of a conditional comment: links only.
    kOrdinary,  // Everything, with no element's content taken as text: links only.
  };
  Reader(std::string_view html, Part part)
      : html_(html),
        mso_(part == Part::kOutlooks),
        nested_(part != Part::kDocument),
        ordinary_(part == Part::kOrdinary) {}

  HtmlContent Read() {
    while (at_ < html_.size()) {
      if (html_[at_] == '<' && ReadMarkup()) continue;
      ReadText();
    }
    EndAnchor();
    // Inside of drawings and formulas <style> and its like are ordinary elements, and
    // where these end is read in many ways: links of either reading count.
    if (foreign_ && !nested_) {
      ReadInside(html_, /*shown=*/false, Part::kOrdinary);
    }
    return std::move(content_);
  }

 private:
  // Comment, declaration or tag at "<". False: it is only a character.
  bool ReadMarkup() {
    const std::string_view rest = html_.substr(at_);
    if (rest.starts_with("<!--")) {
      ReadComment(rest);
      return true;
    }
    const size_t name = rest.size() > 1 && rest[1] == '/' ? 2 : 1;
    const bool bogus = rest.size() > 1 && (rest[1] == '!' || rest[1] == '?');
    if (bogus || (name == 2 && rest.size() > 2 && !IsAsciiLetter(rest[2]))) {
      const size_t end = rest.find('>');
      at_ = end == std::string_view::npos ? html_.size() : at_ + end + 1;
      return true;
    }
    if (name >= rest.size() || !IsAsciiLetter(rest[name])) return false;
    content_.cut |= !ReadHtmlTag(html_, &at_, &tag_);
    OnTag();
    return true;
  }

  // Conditional comments hide content from browsers, not from Outlook: their
  // links count. "<!--[if !mso]><!-->" shows what follows to both.
  void ReadComment(std::string_view rest) {
    if (rest.starts_with("<!-->") || rest.starts_with("<!--->")) {
      at_ += rest[4] == '>' ? 5 : 6;
      return;
    }
    // Known from an earlier search: keeps the work linear.
    const size_t end = no_comment_end_ ? std::string_view::npos : CommentEnd(rest);
    no_comment_end_ = end == std::string_view::npos;
    const std::string_view comment = rest.substr(4, no_comment_end_ ? 0 : end - 4);
    if (!nested_ && comment.starts_with("[if")) ReadConditional(comment);
    at_ = no_comment_end_ ? html_.size() : html_.find('>', at_ + end) + 1;
  }

  // Of "-->" or "--!>".
  static size_t CommentEnd(std::string_view rest) {
    for (size_t at = rest.find("--", 4); at != std::string_view::npos;
         at = rest.find("--", at + 1)) {
      const std::string_view end = rest.substr(at + 2, 2);
      if (end.starts_with('>') || end == "!>") return at;
    }
    return std::string_view::npos;
  }

  void ReadConditional(std::string_view comment) {
    const size_t condition = comment.find("]>");
    if (condition == std::string_view::npos) return;
    ReadInside(comment.substr(condition + 2), /*shown=*/false, Part::kOutlooks);
  }

  void OnTag() {
    if (!tag_.closing) CollectLinks();
    traits_ = TraitsOf(tag_.name);
    if (tag_.name == "svg" || tag_.name == "math") foreign_ = true;
    const bool code = tag_.name == "script" || tag_.name == "style";
    if (!tag_.closing && !ordinary_ && (code || !nested_) && Is(kRawText)) {
      SkipRawText();
      return;
    }
    if (tag_.closing && tag_.name == "a") EndAnchor();
    TrackHidden();
    if (Is(kBlock)) Break();
  }

  bool Is(Trait trait) const { return (traits_ & trait) != 0; }
  bool Hidden() const { return !hidden_.empty(); }

  // What is inside a hidden element is not text. The elements open inside it are
  // kept, so that an end tag of something around it ends it too.
  void TrackHidden() {
    if (Is(kVoid)) return;
    if (!Hidden()) {
      const bool page = tag_.name == "body" || tag_.name == "html";
      if (!tag_.closing && !page &&
          (tag_.name == "template" || tag_.Has("hidden") || IsHiding(tag_.Find("style")))) {
        hidden_.push_back(tag_.name);
      }
      return;
    }
    if (!tag_.closing) {
      // A paragraph ends where the next block begins.
      if (hidden_.size() == 1 && hidden_[0] == "p" && Is(kBlock)) {
        hidden_.clear();
        TrackHidden();
        return;
      }
      if (!tag_.self_closing && hidden_.size() < kHtmlHiddenDepthMax) hidden_.push_back(tag_.name);
      return;
    }
    const auto open = std::find(hidden_.rbegin(), hidden_.rend(), tag_.name);
    if (open != hidden_.rend()) {
      hidden_.erase(open.base() - 1, hidden_.end());
    } else if (Is(kStructure)) {
      hidden_.clear();
    }
  }

  void SkipRawText() {
    const size_t begin = at_;
    size_t end = html_.find("</", at_);
    while (end != std::string_view::npos &&
           !StartsWithNoCase(html_.substr(end + 2, kHtmlNameBytesMax), tag_.name)) {
      end = html_.find("</", end + 2);
    }
    end = std::min(end, html_.size());
    at_ = std::min(std::min(html_.find('>', end), html_.size() - 1) + 1, html_.size());
    if (tag_.name == "script") content_.scripts.append(html_, begin, end - begin).push_back('\n');
    if (tag_.name == "script" || tag_.name == "style" || tag_.name == "title") return;
    // Browsers show its tags as text, and sanitisers take the element away and leave
    // its content: what either shows counts.
    const bool shown = tag_.name == "textarea" || tag_.name == "xmp";
    ReadInside(html_.substr(begin, end - begin), shown && !Hidden(), Part::kInside);
  }

  // Markup that not all programs read: its links count, its text if it is shown.
  void ReadInside(std::string_view html, bool shown, Part part) {
    HtmlContent inner = Reader(html, part).Read();
    content_.cut |= inner.cut;
    std::set<std::string> known;  // A second reading of the whole finds most links again.
    if (part == Part::kOrdinary) {
      for (const HtmlLink& link : content_.links) known.insert(link.url);
    }
    for (HtmlLink& link : inner.links) {
      if (known.contains(link.url)) continue;
      link.mso = mso_ || part == Part::kOutlooks;
      link.hidden = !link.mso && (link.hidden || !shown);
      Push(std::move(link));
    }
    (shown ? content_.text : content_.hidden_text) += inner.text;
    content_.hidden_text += inner.hidden_text;
  }

  void CollectLinks() {
    if (tag_.name == "base" && base_.empty()) base_ = CleanUrl(tag_.Find("href"));
    if (tag_.name == "a") EndAnchor();
    const size_t before = content_.links.size();
    FindTagLinks(tag_, [this](v1::LinkPlace place, std::string url) {
      HtmlLink link;
      link.url = ResolveUrl(base_, std::move(url));
      link.place = place;
      link.hidden = Hidden();
      Push(std::move(link));
    });
    if (tag_.name == "a" && content_.links.size() > before) {
      anchor_ = before;
      anchor_text_ = content_.text.size();
    }
  }

  void Push(HtmlLink link) {
    if (link.url.empty() || link.url[0] == '#') return;
    if (content_.links.size() >= kHtmlLinksMax) {
      content_.cut = true;
      return;
    }
    link.offset = content_.text.size();
    content_.links.push_back(std::move(link));
  }

  // What was shown since the anchor began is what one clicks.
  void EndAnchor() {
    if (anchor_ == kNoAnchor) return;
    const size_t begin = std::min(anchor_text_, content_.text.size());
    content_.links[anchor_].shown = content_.text.substr(begin, kHtmlShownBytesMax);
    anchor_ = kNoAnchor;
  }

  // Up to the next markup.
  void ReadText() {
    const size_t next = std::min(html_.find('<', at_ + 1), html_.size());
    if (mso_ || ordinary_) {
      at_ = next;
      return;
    }
    std::string& text = Hidden() ? content_.hidden_text : content_.text;
    while (at_ < next) {
      const char c = html_[at_];
      if (c == '&') {
        const size_t length = ReadReference(html_.substr(at_), ReferencePlace::kText, &text);
        if (length > 0) {
          at_ += length;
          continue;
        }
      }
      ++at_;
      if (!IsHtmlSpace(c)) {
        text.push_back(c);
      } else if (!text.empty() && !IsHtmlSpace(text.back())) {
        text.push_back(' ');
      }
    }
  }

  void Break() {
    std::string& text = Hidden() ? content_.hidden_text : content_.text;
    if (!text.empty() && text.back() == ' ') text.pop_back();
    if (!text.empty() && text.back() != '\n') text.push_back('\n');
  }

  static constexpr size_t kNoAnchor = SIZE_MAX;

  std::string_view html_;
  const bool mso_;
  const bool nested_;
  const bool ordinary_;
  size_t at_ = 0;
  HtmlTag tag_;
  uint8_t traits_ = 0;  // Of tag_.
  HtmlContent content_;
  std::string base_;
  std::vector<std::string> hidden_;  // Open elements, from the hidden one on.
  size_t anchor_ = kNoAnchor;        // The open anchor's link.
  size_t anchor_text_ = 0;
  bool foreign_ = false;  // There was <svg> or <math>.
  bool no_comment_end_ = false;
};

}  // namespace

HtmlContent ReadHtml(std::string_view utf8) { return Reader(utf8, Reader::Part::kDocument).Read(); }

std::string HtmlCharset(std::string_view bytes) {
  const std::string head = LowerAscii(bytes.substr(0, 1024));
  for (size_t meta = head.find("<meta"); meta != std::string::npos;
       meta = head.find("<meta", meta + 5)) {
    const std::string_view tag =
        std::string_view(head).substr(meta, std::min(head.find('>', meta), head.size()) - meta);
    const size_t found = tag.find("charset=");
    if (found == std::string_view::npos) continue;
    std::string_view value = tag.substr(found + 8);
    while (!value.empty() && (value[0] == '"' || value[0] == '\'' || value[0] == ' ')) {
      value.remove_prefix(1);
    }
    return std::string(value.substr(0, value.find_first_of("\"'; />")));
  }
  return {};
}

}  // namespace noroshi::analysis
