// Requests to analyse a sample (解析依頼), with state and result.
#include <fmt/format.h>

#include "common/base/encoding.h"
#include "hub/api/handing_in.h"
#include "hub/api/samples.h"
#include "hub/render/json.h"

namespace noroshi::api {
namespace {

using access::Deed;
using render::TimeJson;
using render::Word;

std::string Path(const std::string& id) { return "/analysis-requests/" + render::UuidText(id); }

json::object Withheld(const store::AnalysisRequestRow& row) {
  return {{"request_id", render::UuidText(row.request_id())},
          {"sample_id", render::UuidText(row.sample_id())},
          {"organization", row.organization()},
          {"state", Word(row.state())},
          {"asked_at", TimeJson(row.asked_at_ms())},
          {"withheld", true}};
}

Result<json::object> RequestJson(const Call& call, const store::AnalysisRequestRow& row) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string asked_by, ActorShown(call, row.asked_by()));
  NOROSHI_ASSIGN_OR_RETURN(const std::string moved_by, ActorShown(call, row.moved_by()));
  return json::object{{"request_id", render::UuidText(row.request_id())},
                      {"sample_id", render::UuidText(row.sample_id())},
                      {"organization", row.organization()},
                      {"text", row.text()},
                      {"asked_by", asked_by},
                      {"asked_at", TimeJson(row.asked_at_ms())},
                      {"state", Word(row.state())},
                      {"result", row.result()},
                      {"moved_by", moved_by},
                      {"moved_at", TimeJson(row.moved_at_ms())},
                      {"withheld", false}};
}

Result<Reply> AnswerRequest(const Call& call, const std::string& id, int status) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().AnalysisRequest(id));
  if (!row) return Error{ErrorCode::kInternal, "the request is gone"};
  NOROSHI_ASSIGN_OR_RETURN(json::object body, RequestJson(call, *row));
  Reply reply{status, std::move(body), {}, {}};
  if (status == 201) reply.headers.Set("Location", "/api/v1" + Path(id));
  return reply;
}

// A request is read and changed as the sample that it is about.
Result<store::SampleRow> SampleOf(const Call& call, const store::AnalysisRequestRow& row) {
  NOROSHI_ASSIGN_OR_RETURN(auto sample, call.view().Sample(row.sample_id()));
  if (!sample) return Error{ErrorCode::kInternal, "a request without its sample"};
  return *std::move(sample);
}

// The request that the path names, authorised by the route's deed.
Result<store::AnalysisRequestRow> FindRequest(Call& call) {
  const auto id = call.IdParam("request_id");
  std::optional<store::AnalysisRequestRow> row;
  access::Object object = NoObject();
  if (id.ok()) {
    NOROSHI_ASSIGN_OR_RETURN(row, call.view().AnalysisRequest(*id));
  }
  if (row) {
    NOROSHI_ASSIGN_OR_RETURN(const auto sample, SampleOf(call, *row));
    object = ObjectOf(sample);
  }
  // An absent one and one that is not to be seen are answered alike.
  NOROSHI_RETURN_IF_ERROR(call.Authorize(object));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such resource"};
  return *std::move(row);
}

// show_all: the sample was authorised before, and its reading is recorded.
Result<Reply> PageOf(Call& call, const std::vector<store::AnalysisRequestRow>& rows,
                     const std::string& next, bool show_all) {
  json::array items;
  for (const store::AnalysisRequestRow& row : rows) {
    NOROSHI_ASSIGN_OR_RETURN(const auto sample, SampleOf(call, row));
    const access::Decision decision = call.Decide(Deed::kSampleRead, ObjectOf(sample));
    if (!decision.allowed) continue;
    NOROSHI_ASSIGN_OR_RETURN(json::object item, decision.record && !show_all
                                                    ? Result<json::object>(Withheld(row))
                                                    : RequestJson(call, row));
    items.emplace_back(std::move(item));
  }
  return Page("requests", std::move(items), next);
}

// Where the next page begins, if rows fill this one.
std::string NextOf(const std::vector<store::AnalysisRequestRow>& rows, size_t limit) {
  return rows.size() == limit ? rows.back().request_id() : std::string();
}

Result<std::vector<store::AnalysisRequestRow>> RowsOf(const Call& call, store::List list,
                                                      const std::string& owner,
                                                      const std::string& before, size_t limit) {
  NOROSHI_ASSIGN_OR_RETURN(const auto ids, call.view().Ids(list, owner, before, limit));
  std::vector<store::AnalysisRequestRow> rows;
  for (const std::string& id : ids) {
    NOROSHI_ASSIGN_OR_RETURN(auto row, call.view().AnalysisRequest(id));
    if (!row) return Error{ErrorCode::kInternal, "a list names a request that is not there"};
    rows.push_back(*std::move(row));
  }
  return rows;
}

Result<Reply> ListRequestsOfSample(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto sample, FindSample(call));
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(const std::string cursor, call.Cursor());
  NOROSHI_ASSIGN_OR_RETURN(const auto rows, RowsOf(call, store::List::kRequestsOfSample,
                                                   ToHex(sample.sample_id()), cursor, limit));
  return PageOf(call, rows, NextOf(rows, limit), true);
}

Result<Reply> ListRequests(Call& call) {
  const std::string owner = OwnerOf(call, call.Query("organization"));
  access::Object about;
  about.owner = owner;
  NOROSHI_RETURN_IF_ERROR(call.Authorize(about));
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(const std::string cursor, call.Cursor());
  const std::string word = call.Query("state");
  v1::RequestState state = v1::REQUEST_STATE_UNSPECIFIED;
  if (!word.empty()) {
    const auto value = render::FromWord<v1::RequestState>(word);
    if (!value.ok()) return value.error().Prefixed("state");
    state = *value;
  }
  std::vector<store::AnalysisRequestRow> rows;
  if (!owner.empty()) {
    NOROSHI_ASSIGN_OR_RETURN(rows, RowsOf(call, store::List::kRequestsOf, owner, cursor, limit));
  } else if (state != v1::REQUEST_STATE_UNSPECIFIED) {
    NOROSHI_ASSIGN_OR_RETURN(
        rows, RowsOf(call, store::List::kRequestsByState, std::to_string(state), cursor, limit));
  } else {
    NOROSHI_ASSIGN_OR_RETURN(rows, call.view().AnalysisRequests(cursor, limit));
  }
  const std::string next = NextOf(rows, limit);
  if (state != v1::REQUEST_STATE_UNSPECIFIED) {
    std::erase_if(rows, [&](const auto& row) { return row.state() != state; });
  }
  return PageOf(call, rows, next, false);
}

Result<Reply> ShowRequest(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindRequest(call));
  return AnswerRequest(call, row.request_id(), 200);
}

Result<Reply> AskForAnalysis(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto sample, FindSample(call));
  v1::Action action;
  v1::AnalysisRequested& requested = *action.mutable_analysis_requested();
  requested.set_request_id(call.NewId());
  requested.set_sample_id(sample.sample_id());
  requested.set_text(call.Text("text"));
  const std::string id = requested.request_id();
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(id)));
  return AnswerRequest(call, id, 201);
}

Result<Reply> MoveRequest(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindRequest(call));
  const auto state = render::FromWord<v1::RequestState>(call.Text("state"));
  if (!state.ok()) return state.error().Prefixed("state");
  const bool ends = *state == v1::REQUEST_STATE_DONE || *state == v1::REQUEST_STATE_DECLINED;
  if (ends && call.Text("result").empty()) {
    return Error{ErrorCode::kInvalid, "result: what was found, or why it is declined"};
  }
  v1::Action action;
  v1::AnalysisRequestMoved& moved = *action.mutable_analysis_request_moved();
  moved.set_request_id(row.request_id());
  moved.set_state(*state);
  moved.set_result(call.Text("result"));
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(row.request_id())));
  return AnswerRequest(call, row.request_id(), 200);
}

}  // namespace

void AddAnalysisRequestRoutes(std::vector<Route>* routes) {
  const auto add = [&](Route route) { routes->push_back(std::move(route)); };
  add({"POST",
       "/samples/{sample_id}/requests",
       Deed::kAnalysisRequest,
       AskForAnalysis,
       "Ask for its analysis",
       "AnalysisAsk",
       "AnalysisRequest",
       {}});
  add({"GET",
       "/samples/{sample_id}/requests",
       Deed::kSampleRead,
       ListRequestsOfSample,
       "What was asked about it, newest first",
       "",
       "AnalysisRequestPage",
       {"limit", "cursor"}});
  add({"GET",
       "/analysis-requests",
       Deed::kSampleRead,
       ListRequests,
       "Requests for analysis, newest first",
       "",
       "AnalysisRequestPage",
       {"limit", "cursor", "organization", "request_state"}});
  add({"GET",
       "/analysis-requests/{request_id}",
       Deed::kSampleRead,
       ShowRequest,
       "One of them",
       "",
       "AnalysisRequest",
       {}});
  add({"POST",
       "/analysis-requests/{request_id}/state",
       Deed::kAnalysisMove,
       MoveRequest,
       "Accept, begin, finish or decline it",
       "AnalysisMove",
       "AnalysisRequest",
       {}});
}

}  // namespace noroshi::api
