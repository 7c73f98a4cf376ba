#include "hub/render/mail.h"

#include "common/base/encoding.h"
#include "hub/render/json.h"

namespace noroshi::render {
namespace {

namespace json = boost::json;

json::array Strings(const google::protobuf::RepeatedPtrField<std::string>& values) {
  return json::array(values.begin(), values.end());
}

json::array Members(const v1::AttachmentFacts& attachment) {
  json::array array;
  for (const v1::ArchiveMember& member : attachment.members()) {
    array.emplace_back(json::object{{"name", member.name()},
                                    {"size", member.size()},
                                    {"sha256", ToHex(member.sha256())},
                                    {"type", member.type()},
                                    {"markers", Strings(member.markers())}});
  }
  return array;
}

json::object Attachment(const v1::AttachmentFacts& attachment) {
  const bool typed = !attachment.type().empty();
  json::object object{{"name", attachment.name()},
                      {"sha256", ToHex(attachment.sha256())},
                      {"type", typed ? attachment.type() : attachment.declared_type()},
                      {"declared_type", attachment.declared_type()},
                      {"size", attachment.size()},
                      {"markers", Strings(attachment.markers())}};
  if (!attachment.shown_name().empty()) object["shown_name"] = attachment.shown_name();
  if (!attachment.meant_name().empty()) object["meant_name"] = attachment.meant_name();
  if (attachment.inline_()) object["inline"] = true;
  if (attachment.encrypted()) object["encrypted"] = true;
  if (attachment.members_size() > 0) object["members"] = Members(attachment);
  return object;
}

json::array Links(const v1::MailFacts& mail) {
  json::array array;
  for (int i = 0; i < mail.links_size(); ++i) {
    const v1::MailLink& link = mail.links(i);
    // Behind the last of urls come those that nobody follows; they hold their own.
    json::object object{{"url", i < mail.urls_size() ? mail.urls(i) : link.url()},
                        {"place", Word(link.place())},
                        {"host", link.host()},
                        {"domain", link.domain()},
                        {"markers", Strings(link.markers())}};
    if (!link.shown_host().empty()) object["shown_host"] = link.shown_host();
    if (!link.target().empty()) object["target"] = link.target();
    array.emplace_back(std::move(object));
  }
  return array;
}

json::object Auth(const v1::MailFacts& mail) {
  json::array results;
  for (const v1::AuthenticationResult& result : mail.authentication()) {
    results.emplace_back(json::object{{"method", result.method()},
                                      {"result", result.result()},
                                      {"domain", result.domain()},
                                      {"server", result.server()}});
  }
  json::array hops;
  for (const v1::MailHop& hop : mail.hops()) {
    hops.emplace_back(json::object{
        {"from", hop.from()}, {"by", hop.by()}, {"ip", hop.ip()}, {"date", hop.date()}});
  }
  return {{"results", std::move(results)},
          {"received", std::move(hops)},
          {"reply_to", Strings(mail.reply_to())},
          {"return_path", mail.return_path()},
          {"mismatches", Strings(mail.mismatches())}};
}

}  // namespace

std::string_view MailKindWord(v1::MailKind kind) {
  switch (kind) {
    case v1::MAIL_KIND_NONE:
      return "none";
    case v1::MAIL_KIND_URL:
      return "url_type";
    case v1::MAIL_KIND_ATTACHMENT:
      return "attachment_type";
    case v1::MAIL_KIND_REPLY:
      return "reply_type";
    default:
      return "";
  }
}

json::object ToJson(const v1::MailFacts& mail) {
  json::array attachments;
  for (const v1::AttachmentFacts& attachment : mail.attachments()) {
    attachments.emplace_back(Attachment(attachment));
  }
  return {{"kind", MailKindWord(mail.kind())},
          {"kind_reason", mail.kind_reason()},
          {"language", mail.language()},
          {"subject", mail.subject()},
          {"from", mail.from()},
          {"message_id", mail.message_id()},
          {"in_reply_to", mail.in_reply_to()},
          {"references", Strings(mail.references())},
          {"urls", Strings(mail.urls())},
          {"links", Links(mail)},
          {"hosts", Strings(mail.hosts())},
          {"domains", Strings(mail.domains())},
          {"ips", Strings(mail.ips())},
          {"addresses", Strings(mail.addresses())},
          {"attachments", std::move(attachments)},
          {"auth", Auth(mail)},
          {"unwrapped", mail.unwrapped()},
          {"warnings", Strings(mail.warnings())}};
}

json::object ToJson(const v1::CampaignLink& link) {
  return {{"kind", Word(link.kind())}, {"strength", link.strength()}, {"shown", link.shown()}};
}

}  // namespace noroshi::render
