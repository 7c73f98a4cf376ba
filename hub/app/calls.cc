#include "hub/app/calls.h"

#include <boost/json/array.hpp>

#include "common/runtime/file.h"

namespace noroshi::app {
namespace {

namespace json = boost::json;

constexpr size_t kCsrFileBytesMax = 16 * 1024;

json::array ToArray(const std::vector<std::string>& values) {
  return json::array(values.begin(), values.end());
}

// Only what was given: the API's defaults are the API's.
void Put(json::object* object, std::string_view name, const std::string& value) {
  if (!value.empty()) (*object)[name] = value;
}

std::string Replaced(std::string path, const std::string& from, const std::string& to) {
  const size_t at = path.find(from);
  return at == std::string::npos ? path : path.replace(at, from.size(), to);
}

}  // namespace

CLI::App* Calls::Sub(CLI::App* parent, const std::string& name, const std::string& help) {
  return parent->add_subcommand(name, help);
}

Calls::Values& Calls::Route(CLI::App* sub, const std::string& method, const std::string& path,
                            Fill body, Fill query) {
  Values& values = *values_.emplace_back(std::make_unique<Values>());
  const bool is_group = sub->get_parent()->get_parent() != nullptr;
  const std::string verb = (is_group ? sub->get_parent()->get_name() + '.' : "") + sub->get_name();
  sub->callback([this, &values, verb, method, path, body, query] {
    json::object request{{"verb", "call"}, {"method", method}};
    request["path"] = Replaced(Replaced(path, "{id}", values.id), "{other}", values.other);
    if (body) request["body"] = body(values);
    if (query) request["query"] = query(values);
    chosen_(verb, std::move(request));
  });
  return values;
}

void Calls::Add(CLI::App* app, CLI::App* cases) {
  AddCases(cases);
  AddRegrouping(cases);
  auto* persons = app->add_subcommand("person", "Persons who sign in");
  persons->require_subcommand(1);
  AddPersons(persons);
  auto* questions = app->add_subcommand("question", "Questions to reporters (照会)");
  questions->require_subcommand(1);
  AddQuestions(questions);
  AddAudit(app);
  AddSearch(app);
}

// ---- case ----

void Calls::AddCases(CLI::App* group) {
  auto* open = Sub(group, "open", "Open a case by hand");
  Values& opened = Route(open, "POST", "/cases", [](const Values& v) {
    json::object body{{"kind", v.kind}, {"title", v.title}, {"tlp", v.tlp}};
    Put(&body, "text", v.text);
    Put(&body, "circle", v.circle);
    Put(&body, "exercise_id", v.exercise);
    return body;
  });
  open->add_option("--kind", opened.kind, "incident, campaign or vulnerability")->required();
  open->add_option("--title", opened.title)->required();
  open->add_option("--tlp", opened.tlp, "CLEAR, GREEN, AMBER, AMBER+STRICT or RED")->required();
  open->add_option("--text", opened.text);
  open->add_option("--circle", opened.circle);
  open->add_option("--exercise", opened.exercise);

  auto* history = Sub(group, "history", "What persons did with a case");
  Values& shown = Route(history, "GET", "/cases/{id}/history");
  history->add_option("case", shown.id)->required();

  auto* assign = Sub(group, "assign", "Assign a case to a person");
  Values& assigned = Route(assign, "PUT", "/cases/{id}/assignee", [](const Values& v) {
    return json::object{{"assignee", v.assignee}};
  });
  assign->add_option("case", assigned.id)->required();
  assign->add_option("person", assigned.assignee, "Nobody if left out");

  auto* classify = Sub(group, "classify", "Confirm or correct a classification");
  Values& classified = Route(classify, "PUT", "/cases/{id}/classification", [](const Values& v) {
    json::object body{{"causes", ToArray(v.causes)}};
    Put(&body, "event_type", v.event_type);
    Put(&body, "gov_kind", v.gov_kind);
    Put(&body, "reason", v.reason);
    return body;
  });
  classify->add_option("case", classified.id)->required();
  classify->add_option("--event-type", classified.event_type, "Taxonomy id");
  classify->add_option("--cause", classified.causes, "Taxonomy id; may be repeated");
  classify->add_option("--gov-kind", classified.gov_kind, "Taxonomy id");
  classify->add_option("--reason", classified.reason);

  auto* prioritise = Sub(group, "prioritise", "Set a case's priority");
  Values& prioritised = Route(prioritise, "PUT", "/cases/{id}/priority", [](const Values& v) {
    return json::object{{"priority", v.number}};
  });
  prioritise->add_option("case", prioritised.id)->required();
  prioritise->add_option("priority", prioritised.number, "1 (first) to 4; 0: none")
      ->required()
      ->check(CLI::Range(0, 4));

  auto* note = Sub(group, "note", "Write a note");
  Values& noted = Route(note, "POST", "/cases/{id}/notes", [](const Values& v) {
    return json::object{{"text", v.text}};
  });
  note->add_option("case", noted.id)->required();
  note->add_option("text", noted.text)->required();

  auto* close = Sub(group, "close", "Close a case");
  Values& closed = Route(close, "POST", "/cases/{id}/closure", [](const Values& v) {
    json::object body{{"resolution", v.resolution}};
    Put(&body, "lessons", v.lessons);
    if (v.severity >= 0) body["severity"] = v.severity;
    return body;
  });
  close->add_option("case", closed.id)->required();
  close
      ->add_option("--resolution", closed.resolution,
                   "resolved, no_incident, duplicate or unresolved")
      ->required();
  close->add_option("--lessons", closed.lessons);
  close->add_option("--severity", closed.severity, "0 to 4")->check(CLI::Range(0, 4));

  auto* reopen = Sub(group, "reopen", "Open a closed case again");
  Values& reopened = Route(reopen, "POST", "/cases/{id}/reopening", [](const Values& v) {
    return json::object{{"reason", v.reason}};
  });
  reopen->add_option("case", reopened.id)->required();
  reopen->add_option("--reason", reopened.reason)->required();
}

void Calls::AddRegrouping(CLI::App* group) {
  auto* join = Sub(group, "join", "Make another case part of this one");
  Values& joined = Route(join, "POST", "/cases/{id}/join", [](const Values& v) {
    return json::object{{"from", v.number}, {"reason", v.reason}};
  });
  join->add_option("into", joined.id, "The case that stays")->required();
  join->add_option("from", joined.number, "The case that becomes part of it")->required();
  join->add_option("--reason", joined.reason)->required();

  auto* split = Sub(group, "split", "Move reports of a case into a new one");
  Values& parted = Route(split, "POST", "/cases/{id}/split", [](const Values& v) {
    return json::object{{"reports", json::array(v.reports.begin(), v.reports.end())},
                        {"title", v.title},
                        {"reason", v.reason}};
  });
  split->add_option("case", parted.id)->required();
  split->add_option("reports", parted.reports, "Their sequences")->required();
  split->add_option("--title", parted.title, "Of the new case")->required();
  split->add_option("--reason", parted.reason)->required();
}

// ---- person ----

void Calls::AddPersons(CLI::App* group) {
  auto* put = Sub(group, "set", "Make a person, or change what is given of its record");
  Values& made = *values_.emplace_back(std::make_unique<Values>());
  put->add_option("person", made.id, "Login")->required();
  put->add_option("--organization", made.organization, "Of a new person");
  put->add_option("--name", made.name);
  put->add_option("--role", made.roles,
                  "At the centre reader, analyst, approver, administrator, auditor; elsewhere "
                  "reporter, liaison; may be repeated, and replaces all");
  auto* circle = put->add_option("--circle", made.circles,
                                 "Cleared for this circle; may be repeated, and replaces all");
  put->add_flag("--no-circle", made.no_circle, "Cleared for none")->excludes(circle);
  put->add_option("--language", made.language, "ja or en; ja for a new person");
  put->add_option("--login", made.login,
                  "The login at this machine that is this person's, for what needs two persons");
  auto* disabled = put->add_flag("--disabled", made.disabled, "Cannot sign in; its sessions end");
  put->add_flag("--enabled", made.enabled, "Can sign in again")->excludes(disabled);
  put->callback([this, &made, put] {
    const auto given = [put](const char* option) { return put->count(option) > 0; };
    json::object change;
    if (given("--organization")) change["organization"] = made.organization;
    if (given("--name")) change["name"] = made.name;
    if (given("--role")) change["roles"] = ToArray(made.roles);
    if (given("--circle") || made.no_circle) change["circles"] = ToArray(made.circles);
    if (given("--language")) change["language"] = made.language;
    if (given("--login")) change["local_login"] = made.login;
    if (made.disabled || made.enabled) change["disabled"] = made.disabled;
    chosen_("person.set",
            {{"verb", "person.set"}, {"person", made.id}, {"change", std::move(change)}});
  });

  auto* list = Sub(group, "list", "All persons");
  Values& listed = Route(list, "GET", "/persons", nullptr, [](const Values& v) {
    json::object query{{"limit", std::to_string(v.limit)}};
    Put(&query, "organization", v.organization);
    return query;
  });
  list->add_option("--organization", listed.organization);
  list->add_option("--limit", listed.limit)->check(CLI::Range(1, 200))->capture_default_str();

  const auto about = [this, group](const std::string& name, const std::string& help,
                                   const std::string& method, const std::string& path) {
    auto* sub = Sub(group, name, help);
    Values& values = Route(sub, method, path);
    sub->add_option("person", values.id)->required();
  };
  about("show", "One person", "GET", "/persons/{id}");
  about("link", "A one-time link to set password and second factor", "POST", "/persons/{id}/links");
  about("sessions", "Where a person is signed in", "GET", "/persons/{id}/sessions");

  auto* certify = Sub(group, "certificate", "A client certificate for a person, from a request");
  Values& certified = Route(certify, "POST", "/persons/{id}/certificates", [](const Values& v) {
    const auto csr = SystemFileSystem().Read(v.text, kCsrFileBytesMax);
    // An empty one is refused with words that say what is expected.
    return json::object{{"csr", csr.ok() ? *csr : std::string()}};
  });
  certify->add_option("person", certified.id)->required();
  certify->add_option("--csr", certified.text, "PKCS #10 request (PEM), key ECDSA P-256")
      ->required()
      ->check(CLI::ExistingFile);

  auto* identity = Sub(group, "identity", "What else a person may sign in with");
  Values& known = Route(identity, "PUT", "/persons/{id}/identity", [](const Values& v) {
    json::object body;
    Put(&body, "issuer", v.issuer);
    Put(&body, "subject", v.subject);
    Put(&body, "certificate_sha256", v.certificate);
    return body;
  });
  identity->add_option("person", known.id)->required();
  identity->add_option("--issuer", known.issuer, "Of the OpenID Connect provider");
  identity->add_option("--subject", known.subject, "There");
  identity->add_option("--certificate", known.certificate, "SHA-256 of a client certificate");
}

// ---- alert ----

void Calls::AddProposals(CLI::App* group) {
  auto* list = Sub(group, "proposals", "Alerts that await another person's decision");
  Values& listed = Route(list, "GET", "/proposals", nullptr, [](const Values& v) {
    return json::object{{"limit", std::to_string(v.limit)}, {"state", "open"}};
  });
  list->add_option("--limit", listed.limit)->check(CLI::Range(1, 200))->capture_default_str();
}

// ---- question ----

void Calls::AddQuestions(CLI::App* group) {
  auto* ask = Sub(group, "ask", "Ask a reporter of a case");
  Values& asked = Route(ask, "POST", "/cases/{id}/questions", [](const Values& v) {
    json::object body{{"organization", v.organization}, {"text", v.text}};
    Put(&body, "answer_by", v.answer_by);
    return body;
  });
  ask->add_option("case", asked.id)->required();
  ask->add_option("--organization", asked.organization)->required();
  ask->add_option("--text", asked.text)->required();
  ask->add_option("--answer-by", asked.answer_by, "2026-11-30T09:00:00Z");

  auto* list = Sub(group, "list", "Questions, newest first");
  Values& listed = Route(list, "GET", "/questions", nullptr, [](const Values& v) {
    json::object query{{"limit", std::to_string(v.limit)}};
    Put(&query, "state", v.status);
    return query;
  });
  list->add_option("--state", listed.status, "open: only those that await an answer");
  list->add_option("--limit", listed.limit)->check(CLI::Range(1, 200))->capture_default_str();

  auto* show = Sub(group, "show", "One question");
  Values& shown = Route(show, "GET", "/questions/{id}");
  show->add_option("question", shown.id)->required();

  auto* answer = Sub(group, "answer", "Write down what the reporter answered");
  Values& answered = Route(answer, "POST", "/questions/{id}/answer", [](const Values& v) {
    return json::object{{"text", v.text}};
  });
  answer->add_option("question", answered.id)->required();
  answer->add_option("--text", answered.text)->required();

  auto* withdraw = Sub(group, "withdraw", "No answer is wanted any more");
  Values& withdrawn = Route(withdraw, "POST", "/questions/{id}/withdrawal", [](const Values& v) {
    return json::object{{"reason", v.reason}};
  });
  withdraw->add_option("question", withdrawn.id)->required();
  withdraw->add_option("--reason", withdrawn.reason)->required();
}

void Calls::AddAudit(CLI::App* app) {
  auto* audit = app->add_subcommand("audit", "What persons did, newest first");
  Values& values = Route(audit, "GET", "/audit", nullptr, [](const Values& v) {
    json::object query{{"limit", std::to_string(v.limit)}};
    Put(&query, "actor", v.name);
    return query;
  });
  audit->add_option("--actor", values.name, "person:LOGIN or admin:LOGIN");
  audit->add_option("--limit", values.limit)->check(CLI::Range(1, 200))->capture_default_str();
}

void Calls::AddSearch(CLI::App* app) {
  auto* search = app->add_subcommand("search", "Find cases, reports and alerts by what they say");
  Values& values = Route(search, "GET", "/search", nullptr, [](const Values& v) {
    json::object query{{"q", v.text}, {"limit", std::to_string(v.limit)}};
    Put(&query, "type", v.kind);
    Put(&query, "organization", v.organization);
    Put(&query, "exercise_id", v.exercise);
    Put(&query, "from", v.from);
    Put(&query, "until", v.until);
    return query;
  });
  search->add_option("words", values.text, "Words that all occur, an indicator, or an id")
      ->required();
  search->add_option("--type", values.kind, "case, report, alert, organization or person");
  search->add_option("--organization", values.organization);
  search->add_option("--exercise", values.exercise, "Of this exercise, instead of the real thing");
  search->add_option("--from", values.from, "2026-11-30T09:00:00Z");
  search->add_option("--until", values.until, "2026-11-30T09:00:00Z");
  search->add_option("--limit", values.limit)->check(CLI::Range(1, 200))->capture_default_str();
}

}  // namespace noroshi::app
