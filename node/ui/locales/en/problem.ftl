# Problems and diagnoses.
problems = Problems
problems-none = No problems recorded
