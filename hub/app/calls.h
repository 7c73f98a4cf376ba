// The subcommands that do what a person can do through the API: what they send is a
// call of a route, over the admin socket.
//
// Threads: one thread. Lifetime: Calls outlives the parsing of the App that it was
// given.
#pragma once

#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace noroshi::app {

class Calls {
 public:
  // verb: for rendering, e.g. "case.assign"; request: for the admin socket.
  using Chosen = std::function<void(const std::string& verb, boost::json::object request)>;

  explicit Calls(Chosen chosen) : chosen_(std::move(chosen)) {}

  // `cases` has list and show already.
  void Add(CLI::App* app, CLI::App* cases);
  // `alerts` has issue, list and show already.
  void AddProposals(CLI::App* alerts);

 private:
  // The arguments of one subcommand.
  struct Values {
    std::string id, other, text, reason, kind, title, tlp, circle, exercise, organization, name;
    std::string event_type, gov_kind, resolution, lessons, answer_by, assignee, issuer, subject;
    std::string certificate, language, status, login, from, until;
    std::vector<std::string> causes, roles, circles;
    std::vector<uint64_t> reports;
    uint64_t number = 0;
    int severity = -1;
    bool no_circle = false, disabled = false, enabled = false;
    int limit = 50;
  };
  using Fill = std::function<boost::json::object(const Values&)>;

  CLI::App* Sub(CLI::App* parent, const std::string& name, const std::string& help);
  // A subcommand that sends `method` to `path`, in which {id} and {other} are replaced.
  Values& Route(CLI::App* sub, const std::string& method, const std::string& path,
                Fill body = nullptr, Fill query = nullptr);
  void AddCases(CLI::App* group);
  void AddRegrouping(CLI::App* group);
  void AddPersons(CLI::App* group);
  void AddQuestions(CLI::App* group);
  void AddAudit(CLI::App* app);
  void AddSearch(CLI::App* app);

  const Chosen chosen_;
  std::vector<std::unique_ptr<Values>> values_;
};

}  // namespace noroshi::app
