// Samples (検体): handed over, listed, and taken out as an encrypted archive.
#include "hub/api/samples.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "common/crypto/crypto.h"
#include "hub/api/handing_in.h"
#include "hub/api/sample_zip.h"
#include "hub/render/json.h"

namespace noroshi::api {

using access::Deed;
using render::TimeJson;

access::Object ObjectOf(const store::SampleRow& row) {
  return ObjectOf(row.organization(), row.handling());
}

Result<store::SampleRow> FindSample(Call& call) {
  // An absent one and one that is not to be seen are answered alike.
  const auto id = call.IdParam("sample_id");
  std::optional<store::SampleRow> row;
  if (id.ok()) {
    NOROSHI_ASSIGN_OR_RETURN(row, call.view().Sample(*id));
  }
  NOROSHI_RETURN_IF_ERROR(call.Authorize(row ? ObjectOf(*row) : NoObject()));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such resource"};
  return *std::move(row);
}

namespace {

std::string Path(const std::string& id) { return "/samples/" + render::UuidText(id); }

// What is known of a sample whose facts are to be recorded when they are read.
json::object Withheld(const store::SampleRow& row) {
  return {{"sample_id", render::UuidText(row.sample_id())},
          {"organization", row.organization()},
          {"tlp", render::TlpLabel(row.handling().tlp())},
          {"stored_at", TimeJson(row.stored_at_ms())},
          {"erased", row.erased()},
          {"withheld", true}};
}

// The case, by its number at the centre, else by the name that the owner knows.
Result<void> AddCase(const Call& call, const store::SampleRow& row, json::object* object) {
  if (call.is_centre()) {
    (*object)["case_id"] = row.case_id();
    return {};
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto first,
                           call.view().FirstInCase(row.case_id(), row.organization()));
  (*object)["case_reference"] = render::UuidText(first.value_or(""));
  return {};
}

Result<json::object> SampleJson(const Call& call, const store::SampleRow& row) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string stored_by, ActorShown(call, row.stored_by()));
  json::object object{{"sample_id", render::UuidText(row.sample_id())},
                      {"organization", row.organization()},
                      {"name", row.name()},
                      {"sha256", ToHex(row.sha256())},
                      {"size", row.size()},
                      {"tlp", render::TlpLabel(row.handling().tlp())},
                      {"handling", HandlingJson(row.handling())},
                      {"note", row.note()},
                      {"stored_by", stored_by},
                      {"stored_at", TimeJson(row.stored_at_ms())},
                      {"taken", row.taken()},
                      {"erased", row.erased()},
                      {"withheld", false}};
  NOROSHI_RETURN_IF_ERROR(AddCase(call, row, &object));
  return object;
}

Result<Reply> AnswerSample(const Call& call, const std::string& id, int status) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Sample(id));
  if (!row) return Error{ErrorCode::kInternal, "the sample is gone"};
  NOROSHI_ASSIGN_OR_RETURN(json::object body, SampleJson(call, *row));
  Reply reply{status, std::move(body), {}, {}};
  if (status == 201) reply.headers.Set("Location", "/api/v1" + Path(id));
  return reply;
}

// ---- the list ----

Result<std::vector<store::SampleRow>> NextSamples(const Call& call, const std::string& owner,
                                                  uint64_t case_id, const std::string& before,
                                                  size_t wanted) {
  const store::View& view = call.view();
  if (owner.empty() && case_id == 0) return view.Samples(before, wanted);
  const bool by_case = case_id != 0;
  NOROSHI_ASSIGN_OR_RETURN(const auto ids,
                           view.Ids(by_case ? store::List::kSamplesOfCase : store::List::kSamplesOf,
                                    by_case ? store::NumberOwner(case_id) : owner, before, wanted));
  std::vector<store::SampleRow> rows;
  for (const std::string& id : ids) {
    NOROSHI_ASSIGN_OR_RETURN(auto row, view.Sample(id));
    if (!row) return Error{ErrorCode::kInternal, "a list names a sample that is not there"};
    rows.push_back(*std::move(row));
  }
  return rows;
}

Result<Reply> ListSamples(Call& call) {
  const std::string owner = OwnerOf(call, call.Query("organization"));
  access::Object about;
  about.owner = owner;
  NOROSHI_RETURN_IF_ERROR(call.Authorize(about));
  NOROSHI_ASSIGN_OR_RETURN(const auto case_id, QueryNumber(call, "case_id", UINT64_MAX));
  if (case_id && !call.is_centre()) {
    return Error{ErrorCode::kInvalid, "case_id: only the centre knows cases by number"};
  }
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(const std::string cursor, call.Cursor());
  NOROSHI_ASSIGN_OR_RETURN(const auto rows,
                           NextSamples(call, owner, case_id.value_or(0), cursor, limit));
  json::array items;
  for (const store::SampleRow& row : rows) {
    if (!owner.empty() && row.organization() != owner) continue;
    const access::Decision decision = call.Decide(Deed::kSampleRead, ObjectOf(row));
    if (!decision.allowed) continue;
    NOROSHI_ASSIGN_OR_RETURN(json::object item, decision.record
                                                    ? Result<json::object>(Withheld(row))
                                                    : SampleJson(call, row));
    items.emplace_back(std::move(item));
  }
  return Page("samples", std::move(items), rows.size() == limit ? rows.back().sample_id() : "");
}

Result<Reply> ShowSample(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindSample(call));
  return AnswerSample(call, row.sample_id(), 200);
}

// ---- handing over ----

Result<void> CheckWords(const Call& call, const v1::Handling& handling) {
  const auto check = [](std::string_view field, const std::string& text, size_t max,
                        bool one_line) -> Result<void> {
    if (text.size() > max) {
      return Error{ErrorCode::kInvalid, fmt::format("{}: at most {} bytes", field, max)};
    }
    const bool has_control = std::any_of(text.begin(), text.end(),
                                         [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (!one_line || !has_control) return {};
    return Error{ErrorCode::kInvalid,
                 fmt::format("{}: one line without control characters", field)};
  };
  if (call.Query("name").empty()) return Error{ErrorCode::kInvalid, "name: is required"};
  NOROSHI_RETURN_IF_ERROR(check("name", call.Query("name"), kSampleNameBytesMax, true));
  NOROSHI_RETURN_IF_ERROR(check("note", call.Query("note"), kSampleNoteBytesMax, false));
  if (!handling.circle().empty() && !IsIdentifier(handling.circle())) {
    return Error{ErrorCode::kInvalid, "circle: an identifier is expected"};
  }
  const size_t size = call.request().body.size();
  if (size == 0) return Error{ErrorCode::kInvalid, "body: the sample itself is required"};
  if (size <= kSampleBytesMax) return {};
  return Error{ErrorCode::kInvalid, fmt::format("body: at most {} bytes", kSampleBytesMax)};
}

// The case that it is about: named by the centre, or the one of a report of the
// owner. 0: none.
Result<uint64_t> CaseOf(Call& call, const std::string& owner) {
  NOROSHI_ASSIGN_OR_RETURN(const auto case_id, QueryNumber(call, "case_id", UINT64_MAX));
  NOROSHI_ASSIGN_OR_RETURN(const auto report, QueryNumber(call, "report", UINT64_MAX));
  if (case_id && !call.is_centre()) {
    return Error{ErrorCode::kInvalid, "case_id: name a report of your own instead (report)"};
  }
  if (case_id && report) return Error{ErrorCode::kInvalid, "report: a case is named already"};
  if (case_id) {
    NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Case(*case_id));
    if (row && call.Decide(Deed::kCaseRead, ObjectOf(*row)).allowed) return *case_id;
    return Error{ErrorCode::kInvalid, "case_id: there is no such case"};
  }
  if (!report) return uint64_t{0};
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Submission(*report));
  const bool is_owners = row && row->organization() == owner;
  if (is_owners && call.Decide(Deed::kReportRead, ObjectOf(*row)).allowed) return row->case_id();
  return Error{ErrorCode::kInvalid, "report: the organisation has no such report"};
}

Result<Reply> StoreSample(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const v1::Handling handling, QueryHandling(call));
  const std::string named = call.Query("organization");
  const std::string owner = OwnerOf(call, named);
  NOROSHI_RETURN_IF_ERROR(call.Authorize(ObjectOf(owner, handling)));
  NOROSHI_RETURN_IF_ERROR(CheckOwner(call, named));
  NOROSHI_RETURN_IF_ERROR(CheckWords(call, handling));
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t case_id, CaseOf(call, owner));
  const std::string& content = call.request().body;
  v1::Action action;
  v1::SampleStored& stored = *action.mutable_sample_stored();
  stored.set_sample_id(call.NewId());
  stored.set_organization(owner);
  stored.set_case_id(case_id);
  stored.set_name(call.Query("name"));
  stored.set_sha256(Sha256Of(content));
  stored.set_size(content.size());
  *stored.mutable_handling() = handling;
  stored.set_note(call.Query("note"));
  stored.set_content(content);
  const std::string id = stored.sample_id();
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(id)));
  return AnswerSample(call, id, 201);
}

// ---- taking ----

Result<std::string> ReadContent(const Call& call, const store::SampleRow& row) {
  NOROSHI_ASSIGN_OR_RETURN(auto entries, call.parts().journal->Read(row.sequence(), 1, 1));
  if (entries.empty() || entries.front().sequence != row.sequence()) {
    return Error{ErrorCode::kInternal, "the journal lacks the entry of a sample"};
  }
  if (entries.front().erased) return Error{ErrorCode::kConflict, "the sample was erased"};
  v1::Action action;
  const std::string& body = entries.front().body;
  if (!action.ParseFromArray(body.data(), static_cast<int>(body.size())) ||
      Sha256Of(action.sample_stored().content()) != row.sha256()) {
    return Error{ErrorCode::kInternal, "the entry of a sample does not hold its content"};
  }
  return std::move(*action.mutable_sample_stored()->mutable_content());
}

// Who takes it, and why, is on disk before a byte leaves.
Result<Reply> TakeSample(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindSample(call));
  if (row.erased()) return Error{ErrorCode::kConflict, "the sample was erased"};
  NOROSHI_ASSIGN_OR_RETURN(const std::string content, ReadContent(call, row));
  const std::string password = call.Has("password") ? call.Text("password") : kSamplePassword;
  NOROSHI_ASSIGN_OR_RETURN(std::string archive,
                           ZipSample(content, row.sha256(), password, row.stored_at_ms()));
  v1::Action action;
  action.mutable_sample_taken()->set_sample_id(row.sample_id());
  action.mutable_sample_taken()->set_purpose(call.Text("purpose"));
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(row.sample_id())));
  http::Response response;
  response.headers.Set("Content-Type", "application/zip");
  response.headers.Set("Content-Disposition", fmt::format("attachment; filename=\"sample-{}.zip\"",
                                                          render::UuidText(row.sample_id())));
  response.headers.Set("Cache-Control", "no-store");
  response.body = std::move(archive);
  Reply reply;
  reply.raw = std::move(response);
  return reply;
}

}  // namespace

void AddSampleRoutes(std::vector<Route>* routes) {
  const auto add = [&](Route route) { routes->push_back(std::move(route)); };
  add({"GET",
       "/samples",
       Deed::kSampleRead,
       ListSamples,
       "Samples, newest first",
       "",
       "SamplePage",
       {"limit", "cursor", "organization", "case_id"}});
  add({"POST",
       "/samples",
       Deed::kSampleStore,
       StoreSample,
       "Hand over a sample, at most 24 MiB",
       "",
       "Sample",
       {"name", "tlp", "grade", "circle", "may_share_name", "may_tell_police",
        "may_tell_competent_ministry", "note", "organization", "case_id", "report"},
       Gate::kSession,
       "application/octet-stream"});
  add({"GET",
       "/samples/{sample_id}",
       Deed::kSampleRead,
       ShowSample,
       "What is known of one sample",
       "",
       "Sample",
       {}});
  add({"POST",
       "/samples/{sample_id}/content",
       Deed::kSampleTake,
       TakeSample,
       "Take its content, as a zip encrypted with AES-256",
       "SampleTake",
       "",
       {},
       Gate::kSession,
       {},
       {},
       "application/zip"});
  AddAnalysisRequestRoutes(routes);
}

}  // namespace noroshi::api
