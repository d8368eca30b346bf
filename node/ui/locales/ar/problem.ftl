# Problems and diagnoses.
problems = المشكلات الصحية
problems-none = لا مشكلات مسجلة
