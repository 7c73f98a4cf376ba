// Samples (検体) that organisations hand over, and requests to analyse them (解析依頼).
#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "hub/engine/batch.h"
#include "hub/engine/refusals.h"

namespace noroshi::engine {
namespace {

std::string StateOwner(v1::RequestState state) { return std::to_string(state); }

bool IsOver(v1::RequestState state) {
  return state == v1::REQUEST_STATE_DONE || state == v1::REQUEST_STATE_DECLINED;
}

}  // namespace

Batch::Effect Batch::StoreSample(v1::SampleStored& stored) {
  if (stored.sample_id().size() != Uuid::kBytes) return kRefusedNotFound;
  NOROSHI_ASSIGN_OR_RETURN(const auto known, state_.Sample(stored.sample_id()));
  if (known) return kRefusedUsed;
  if (FindOrganization(stored.organization()) == nullptr) return kRefusedNotFound;
  store::SampleRow row;
  if (stored.case_id() != 0) {
    NOROSHI_ASSIGN_OR_RETURN(const auto about, LiveCase(stored.case_id()));
    if (!about) return kRefusedNotFound;
    row.set_case_id(about->case_id());
    state_.AddToList(store::List::kSamplesOfCase, store::NumberOwner(row.case_id()),
                     stored.sample_id());
    // The name may be stricter than the case: who may read the sample reads it there.
    const auto id = Uuid::FromBytes(stored.sample_id());
    RecordEvent(row.case_id(), "sample_stored", id->ToString(), 0);
    cases_.insert(row.case_id());
  }
  row.set_sample_id(stored.sample_id());
  row.set_organization(stored.organization());
  row.set_name(stored.name());
  row.set_sha256(stored.sha256());
  row.set_size(stored.size());
  row.mutable_handling()->Swap(stored.mutable_handling());
  row.set_note(stored.note());
  row.set_stored_by(std::string(at_.agent));
  row.set_stored_at_ms(at_.time_ms);
  row.set_sequence(at_.sequence);
  state_.SetSample(row);
  state_.AddToList(store::List::kSamplesOf, row.organization(), row.sample_id());
  applied_.samples.push_back(row.sample_id());
  return std::string();
}

Batch::Effect Batch::TakeSample(const v1::SampleTaken& taken) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Sample(taken.sample_id()));
  if (!row || row->erased()) return kRefusedNotFound;
  row->set_taken(row->taken() + 1);
  state_.SetSample(*row);
  applied_.samples.push_back(row->sample_id());
  return std::string();
}

Batch::Effect Batch::RequestAnalysis(const v1::AnalysisRequested& requested) {
  NOROSHI_ASSIGN_OR_RETURN(const auto sample, state_.Sample(requested.sample_id()));
  NOROSHI_ASSIGN_OR_RETURN(const auto known, state_.AnalysisRequest(requested.request_id()));
  if (!sample || requested.request_id().size() != Uuid::kBytes) return kRefusedNotFound;
  if (known) return kRefusedUsed;
  if (sample->organization() != at_.organization && !ActorIsOfCentre()) return kRefusedOwner;
  store::AnalysisRequestRow row;
  row.set_request_id(requested.request_id());
  row.set_sample_id(requested.sample_id());
  row.set_text(requested.text());
  row.set_asked_by(std::string(at_.agent));
  row.set_organization(sample->organization());
  row.set_asked_at_ms(at_.time_ms);
  row.set_state(v1::REQUEST_STATE_ASKED);
  state_.SetAnalysisRequest(row);
  state_.AddToList(store::List::kRequestsOfSample, ToHex(row.sample_id()), row.request_id());
  state_.AddToList(store::List::kRequestsByState, StateOwner(row.state()), row.request_id());
  state_.AddToList(store::List::kRequestsOf, row.organization(), row.request_id());
  applied_.samples.push_back(row.sample_id());
  return std::string();
}

Batch::Effect Batch::MoveRequest(const v1::AnalysisRequestMoved& moved) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.AnalysisRequest(moved.request_id()));
  if (!row) return kRefusedNotFound;
  // Forward only; what is over stays over.
  if (IsOver(row->state()) || moved.state() <= row->state() ||
      !v1::RequestState_IsValid(moved.state())) {
    return kRefusedState;
  }
  state_.RemoveFromList(store::List::kRequestsByState, StateOwner(row->state()), row->request_id());
  row->set_state(moved.state());
  row->set_result(moved.result());
  row->set_moved_by(std::string(at_.agent));
  row->set_moved_at_ms(at_.time_ms);
  state_.SetAnalysisRequest(*row);
  state_.AddToList(store::List::kRequestsByState, StateOwner(row->state()), row->request_id());
  applied_.samples.push_back(row->sample_id());
  return std::string();
}

}  // namespace noroshi::engine
