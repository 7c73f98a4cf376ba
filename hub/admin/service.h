// What the admin socket can do: verbs over the journal and the state. A verb
// that changes something appends an entry, waits until the engine has applied
// it, and answers from the new state. Where the API has a route for it, the verb
// is that route under the caller's login.
//
// Threads: thread-safe. Lifetime: everything in Parts outlives the Service.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <string>

#include "common/base/result.h"
#include "hub/admin/socket.h"
#include "hub/engine/runner.h"
#include "hub/journal/journal.h"
#include "hub/store/store.h"

namespace noroshi::admin {

inline constexpr size_t kListLimitMax = 1000;

class Service {
 public:
  struct Parts {
    journal::Journal* journal = nullptr;
    engine::Runner* runner = nullptr;
    store::Store* store = nullptr;
    // Adds sessions, refusals and the like to a status answer.
    std::function<void(boost::json::object*)> add_status;
    // The API's routes, for somebody with this login at the socket.
    std::function<Result<boost::json::object>(const std::string& login,
                                              const boost::json::object& request)>
        api;
    std::function<Result<boost::json::object>()> verify;
    std::function<Result<boost::json::object>(const std::string& folder)> backup;
  };

  explicit Service(Parts parts);

  Result<boost::json::object> Handle(const Caller& caller, const boost::json::object& request);

 private:
  using Answer = Result<boost::json::object>;
  using Verb = Answer (Service::*)(const Caller&, const boost::json::object&);

  Answer OrgAdd(const Caller& caller, const boost::json::object& request);
  Answer OrgList(const Caller& caller, const boost::json::object& request);
  Answer OrgShow(const Caller& caller, const boost::json::object& request);
  Answer OrgDisable(const Caller& caller, const boost::json::object& request);
  Answer OrgEnable(const Caller& caller, const boost::json::object& request);
  Answer AgentToken(const Caller& caller, const boost::json::object& request);
  Answer AgentList(const Caller& caller, const boost::json::object& request);
  Answer AgentRevoke(const Caller& caller, const boost::json::object& request);
  Answer PersonSet(const Caller& caller, const boost::json::object& request);
  Answer CaseList(const Caller& caller, const boost::json::object& request);
  Answer CaseShow(const Caller& caller, const boost::json::object& request);
  Answer AlertIssue(const Caller& caller, const boost::json::object& request);
  Answer AlertList(const Caller& caller, const boost::json::object& request);
  Answer AlertShow(const Caller& caller, const boost::json::object& request);
  Answer Call(const Caller& caller, const boost::json::object& request);
  Answer Status(const Caller& caller, const boost::json::object& request);
  Answer Verify(const Caller& caller, const boost::json::object& request);
  Answer Backup(const Caller& caller, const boost::json::object& request);

  Answer SetDisabled(const Caller& caller, const boost::json::object& request, bool disabled);
  Answer ShowOrganization(const std::string& id);
  Answer Get(const Caller& caller, const std::string& path, boost::json::object query);
  // Up to `limit` items of a list of the API, page by page.
  Result<boost::json::array> Collect(const Caller& caller, const std::string& path,
                                     std::string_view list, boost::json::object query,
                                     size_t limit);
  // version: of the record that was read; 0: none was there.
  Answer PutOrganization(const Caller& caller, const v1::OrganizationSet& organization,
                         boost::json::object body, uint64_t version);
  Result<store::OrganizationRow> FindOrganization(const std::string& id);

  static const std::map<std::string, Verb, std::less<>>& Verbs();

  const Parts parts_;
};

}  // namespace noroshi::admin
