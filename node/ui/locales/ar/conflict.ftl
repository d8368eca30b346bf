# التعارضات: القائمة وأسماء العناصر.
conflicts-open = { $form ->
    [zero] لا تعارضات
    [one] تعارض واحد ينتظر القرار
    [two] تعارضان ينتظران القرار
    [few] { $count } تعارضات تنتظر القرار
    [many] { $count } تعارضًا تنتظر القرار
   *[other] { $count } تعارض تنتظر القرار
}
conflicts-open-text = كتب مركزان أمرين مختلفين وهما منفصلان، أو تحت رقم سجل واحد.
conflicts-look = عرض
conflicts-lead = كتب مركزان أمرين مختلفين وهما منفصلان. أبقِ الصحيح منهما، ويبقى الآخر في السجل السابق.
conflicts-changed = تغيّر شيء هنا منذ ذلك الحين.
conflicts-show = عرض الجديد
conflicts-none = لا تعارضات
conflicts-none-text = كل ما كُتب منفصلًا قد اجتمع.
conflicts-more = هناك المزيد، ويظهر بعد حسم هذه.
chart-conflicts = { $form ->
    [zero] لا تعارضات
    [one] تعارض واحد ينتظر القرار
    [two] تعارضان ينتظران القرار
    [few] { $count } تعارضات تنتظر القرار
    [many] { $count } تعارضًا تنتظر القرار
   *[other] { $count } تعارض تنتظر القرار
}
conflict-critical = سلامة المريض
conflict-removed = حُذف هنا
conflict-safer = يُعمل به إلى أن يُحسم الأمر: القراءة الأسلم
undecided-of = { $element }: لم يُحسم
undecided-nothing = غير مذكور
undecided-kept = باقٍ
undecided-removed = محذوف
undecided-age = { $ages } (لم يُحسم)
undecided-sex = { $sexes } (لم يُحسم)
counts-as = يُعد «{ $value }» إلى أن يُحسم الأمر: القراءة الأسلم.
counts-as-nothing = يُعد غير مذكور إلى أن يُحسم الأمر: القراءة الأسلم.
conflict-keep = أبقِ هذا
conflict-keep-id = أبقِ الرقم هنا
conflict-collision-hint = سجلات لمرضى مختلفين تحمل رقم السجل نفسه. لم يختلط شيء: يبقى كل سجل لصاحبه. اضغط على أحدها: يحتفظ بالرقم، ويُعطى كل سجل آخر رقمًا جديدًا.
conflict-keep-id-of = لـ { $name }
conflict-keep-of = مما كتبه { $user }، { $site }

kind-Patient = مريض
kind-AllergyIntolerance = حساسية
kind-MedicationRequest = وصفة
kind-MedicationStatement = دواء مستعمل
kind-Condition = مشكلة صحية
kind-Observation = نتيجة
kind-Immunization = تطعيم
kind-Encounter = زيارة
kind-Procedure = إجراء
kind-ServiceRequest = طلب
kind-Appointment = موعد
kind-DiagnosticReport = تقرير
kind-CarePlan = خطة رعاية

path-deleted = حذف أم إبقاء؟
path-collision = رقم سجل واحد لعدة مرضى
path-active = مستعمل
path-birthDate = تاريخ الميلاد
path-gender = الجنس
path-deceased = الوفاة
path-link = الشخص نفسه
path-identifier = رقم التعريف
path-name = الاسم
path-telecom = الهاتف
path-address = العنوان
path-code = ما هو
path-criticality = الخطورة
path-clinicalStatus = الحالة
path-verificationStatus = درجة التأكد
path-reaction = رد الفعل
path-status = الحالة
path-intent = القصد
path-medication = الدواء
path-dosageInstruction = الجرعة
path-doNotPerform = لا يُعطى
path-value = القيمة
path-component = الأجزاء
path-interpretation = التفسير
path-dataAbsentReason = سبب غياب القيمة
path-vaccineCode = اللقاح
path-occurrence = متى
path-start = البداية
path-end = النهاية
flash-resolved = حُسم الأمر. ينتقل القرار إلى كل المراكز.
verification-confirmed = مؤكد
verification-unconfirmed = غير مؤكد
verification-presumed = مفترض
verification-provisional = مبدئي
verification-differential = أحد عدة احتمالات
verification-refuted = منفي
verification-entered-in-error = أُدخل خطأً
intent-proposal = اقتراح
intent-plan = خطة
intent-order = أمر
intent-original-order = أمر أصلي
intent-reflex-order = أمر تابع
intent-filler-order = أمر المنفذ
intent-instance-order = أمر لمرة واحدة
intent-option = خيار
truth-true = نعم
truth-false = لا
