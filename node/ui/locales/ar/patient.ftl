# المرضى: البحث والتسجيل والملف ونماذج التعديل.
search-label = البحث عن مريض
search-hint = الاسم أو الرقم أو الهاتف أو سنة الميلاد
search-submit = بحث
search-start = اكتب اسمًا أو رقمًا أو هاتفًا أو سنة ميلاد.
search-recent = المرضى في هذه العقدة
search-nobody = لم يُعثر على أحد بهذا البحث: { $text }
search-nobody-text = تحقق من الكتابة أو جرّب رقمًا أو سنة الميلاد. من سُجّلوا في مكان آخر يظهرون بعد الاتصال بعيادتهم.
search-first = { $form ->
    [zero] لا نتائج
    [one] النتيجة الأولى
    [two] أول نتيجتين؛ اكتب المزيد للتضييق
    [few] أول { $count } نتائج؛ اكتب المزيد للتضييق
    [many] أول { $count } نتيجة؛ اكتب المزيد للتضييق
   *[other] أول { $count } نتيجة؛ اكتب المزيد للتضييق
}
search-found = { $form ->
    [zero] لا مرضى
    [one] مريض واحد
    [two] مريضان
    [few] { $count } مرضى
    [many] { $count } مريضًا
   *[other] { $count } مريض
}
deceased = متوفى
person-unidentified = مجهول الهوية
person-nameless = لا اسم مسجل
conflict = تعارض
disputed = محل خلاف
inactive = لم يعد ساريًا

sex = الجنس
sex-female = أنثى
sex-male = ذكر
sex-other = آخر
sex-unknown = غير معروف
age-sex = { $age }، { $sex }
age-about-sex = نحو { $age }، { $sex }
age-years = { $form ->
    [zero] أقل من سنة
    [one] سنة واحدة
    [two] سنتان
    [few] { $count } سنوات
    [many] { $count } سنة
   *[other] { $count } سنة
}
age-months = { $form ->
    [zero] أقل من شهر
    [one] شهر واحد
    [two] شهران
    [few] { $count } أشهر
    [many] { $count } شهرًا
   *[other] { $count } شهر
}
age-days = { $form ->
    [zero] وُلد اليوم
    [one] يوم واحد
    [two] يومان
    [few] { $count } أيام
    [many] { $count } يومًا
   *[other] { $count } يوم
}
born = تاريخ الميلاد { $date }
since = منذ { $date }

field-given = الاسم الأول
field-family = اسم العائلة
field-name_local = الاسم بالكتابة المحلية
hint-given = يكفي أحد الأسماء
hint-name_local = كما يكتبه صاحبه
unidentified-label = مجهول
register-unidentified = لا أحد يعرف من هذا الشخص؟
field-unidentified = تسجيل بلا اسم
field-temporary_label = بمَ يُشار إلى هذا الشخص إلى ذلك الحين
hint-temporary_label = مثلًا: رجل في نحو الأربعين، من الحافلة. إذا تُرك فارغًا وُضعت تسمية تلقائيًا.
field-sex = الجنس
field-birth_date = تاريخ الميلاد
hint-birth_date = هكذا ⁦1986-03-10⁩ أو السنة فقط: 1986
field-age_years = أو العمر، إن لم يُعرف التاريخ
unit-years = سنة
field-phone = الهاتف
field-place = القرية أو المدينة
field-mother = اسم الأم
field-identifier = الرقم الوطني أو رقم آخر
register-submit = تسجيل
register-again = تحقق مرة أخرى
duplicates-heading = { $form ->
    [zero] لا أحد مشابه
    [one] قد يكون هذا الشخص نفسه
    [two] قد يكون أحد هذين الشخصين هو نفسه
    [few] قد يكون أحد هؤلاء الـ{ $count } هو الشخص نفسه
    [many] قد يكون أحد هؤلاء الـ{ $count } هو الشخص نفسه
   *[other] قد يكون أحد هؤلاء الـ{ $count } هو الشخص نفسه
}
duplicates-text = لم يُحفظ شيء بعد. افتح الملف إذا كان الشخص نفسه.
duplicates-accept = شخص آخر: سجّله

allergies = الحساسية
allergies-none-known = لا حساسية معروفة
allergies-no-information = لا معلومات عن الحساسية
criticality = الخطورة
criticality-high = خطر شديد
criticality-low = خطر قليل
criticality-unable-to-assess = غير معروف
allergy-add = إضافة حساسية
allergy-change-of = تعديل الحساسية من { $substance }
field-substance = المادة
hint-substance = دواء أو طعام أو مادة
field-criticality = ما مدى خطورتها؟
field-reaction = ماذا حدث
hint-reaction = مثل طفح أو تورم أو ضيق تنفس

needs-review = يحتاج إلى مراجعة
none-known-contradicted = سُجّلت حساسية إلى جانب هذا، فلم يعد ساريًا.
none-known-set-aside = استبعاده
allergy-none-known = لا حساسية معروفة
allergystatus-active = سارية
allergystatus-inactive = غير سارية الآن
allergystatus-resolved = زالت
field-allergystatus = هل ما زالت سارية؟
problems = المشكلات الصحية
problems-none = لا مشكلات مسجلة
medicines = الأدوية
medicines-none = لا أدوية مسجلة
dosage-daily = { $form ->
    [zero] { $dose }
    [one] { $dose } مرة واحدة في اليوم
    [two] { $dose } مرتين في اليوم
    [few] { $dose }، { $count } مرات في اليوم
    [many] { $dose }، { $count } مرة في اليوم
   *[other] { $dose }، { $count } مرة في اليوم
}
dosage-no-unit = { $value } (الوحدة غير مسجلة)
dose-change = تعديل الجرعة
dose-change-of = تعديل جرعة { $drug }
dose-now = الآن: { $instruction }
field-dose = المقدار في كل مرة
field-unit = الوحدة
hint-unit = مثل mg أو قرص أو ml
field-times = عدد المرات
unit-times-a-day = مرات في اليوم
field-instruction = التعليمات
timing-kept = الآن { $timing }. اتركه فارغًا ليبقى كما هو.
timing-every = { $times } × كل { $every }
timing-unit-s = { $form ->
    [one] ثانية
    [two] ثانيتين
    [few] { $period } ثوانٍ
    [many] { $period } ثانية
   *[other] { $period } ثانية
}
timing-unit-min = { $form ->
    [one] دقيقة
    [two] دقيقتين
    [few] { $period } دقائق
    [many] { $period } دقيقة
   *[other] { $period } دقيقة
}
timing-unit-h = { $form ->
    [one] ساعة
    [two] ساعتين
    [few] { $period } ساعات
    [many] { $period } ساعة
   *[other] { $period } ساعة
}
timing-unit-d = { $form ->
    [one] يوم
    [two] يومين
    [few] { $period } أيام
    [many] { $period } يومًا
   *[other] { $period } يوم
}
timing-unit-wk = { $form ->
    [one] أسبوع
    [two] أسبوعين
    [few] { $period } أسابيع
    [many] { $period } أسبوعًا
   *[other] { $period } أسبوع
}
timing-unit-mo = { $form ->
    [one] شهر
    [two] شهرين
    [few] { $period } أشهر
    [many] { $period } شهرًا
   *[other] { $period } شهر
}
timing-unit-a = { $form ->
    [one] سنة
    [two] سنتين
    [few] { $period } سنوات
    [many] { $period } سنة
   *[other] { $period } سنة
}
timing-at-mon = الاثنين
timing-at-tue = الثلاثاء
timing-at-wed = الأربعاء
timing-at-thu = الخميس
timing-at-fri = الجمعة
timing-at-sat = السبت
timing-at-sun = الأحد
timing-at-morn = في الصباح
timing-at-morn-early = في الصباح الباكر
timing-at-morn-late = في آخر الصباح
timing-at-noon = عند الظهر
timing-at-aft = بعد الظهر
timing-at-aft-early = في أول بعد الظهر
timing-at-aft-late = في آخر بعد الظهر
timing-at-eve = في المساء
timing-at-eve-early = في أول المساء
timing-at-eve-late = في آخر المساء
timing-at-night = في الليل
timing-at-phs = بعد الخلود إلى النوم
timing-at-hs = عند النوم
timing-at-wake = عند الاستيقاظ
timing-at-c = مع الوجبة
timing-at-cm = مع الفطور
timing-at-cd = مع الغداء
timing-at-cv = مع العشاء
timing-at-ac = قبل الوجبة
timing-at-acm = قبل الفطور
timing-at-acd = قبل الغداء
timing-at-acv = قبل العشاء
timing-at-pc = بعد الوجبة
timing-at-pcm = بعد الفطور
timing-at-pcd = بعد الغداء
timing-at-pcv = بعد العشاء
medicine-status = إيقاف أو تعليق
medicine-status-of = إيقاف أو تعليق { $drug }
field-medicinestatus = ما مصير هذا الدواء؟
medicinestatus-active = يُعطى من جديد
medicinestatus-on-hold = يُعلَّق مؤقتًا
medicinestatus-stopped = يُوقَف
medicinestatus-completed = اكتمل العلاج به
field-reason = السبب
hint-reason = مطلوب للإيقاف أو التعليق. مثل: طفح جلدي، أو عملية جراحية غدًا
status-because = السبب: { $reason }
edit-disputed = يختلف موقعان في هذا. يرجى حسم ذلك أولًا.

vitals = العلامات الحيوية
vitals-add = تسجيل العلامات الحيوية
vitals-none = لم يُسجَّل شيء بعد
vitals-lead = املأ ما قسته واترك الباقي فارغًا.
field-systolic = ضغط الدم الانقباضي
field-diastolic = ضغط الدم الانبساطي
field-pulse = النبض
field-breaths = التنفس
field-temperature = الحرارة
field-oxygen = تشبع الأكسجين
field-weight = الوزن
field-height = الطول
vital-85354-9 = ضغط الدم
vital-55284-4 = ضغط الدم
vital-8480-6 = الضغط الانقباضي
vital-8462-4 = الضغط الانبساطي
vital-8867-4 = النبض
vital-9279-1 = التنفس
vital-8310-5 = الحرارة
vital-2708-6 = تشبع الأكسجين
vital-59408-5 = تشبع الأكسجين
vital-29463-7 = الوزن
vital-8302-2 = الطول
flag-normal = طبيعي
flag-low = منخفض
flag-high = مرتفع
flag-critical-low = منخفض جدًا وخطر
flag-critical-high = مرتفع جدًا وخطر

results = النتائج
results-none = لا نتائج مسجلة
results-more = لا تُعرض هنا النتائج الأقدم من ذلك.
results-older = نتائج أقدم
result-what = الفحص
result-value = القيمة
result-when = متى ومَن

contact = الاتصال
phones-none = لا هاتف مسجل
phone-add = إضافة هاتف
phone-change = تعديل الهاتف
phone-change-of = تعديل الهاتف { $number }
phone-empty-removes = أفرغ الحقل لحذف هذا الرقم.
phone-remove-question = هل تريد حذف هذا الرقم؟
field-number = رقم الهاتف

complete-as-of = مكتمل حتى
complete-as-of-text = يضم هذا الملف ما كتبه كل مركز حتى ذلك الوقت.

status-active = سارٍ
status-on-hold = موقوف مؤقتًا
status-cancelled = ملغى
status-completed = مكتمل
status-entered-in-error = أُدخل خطأً
status-stopped = موقوف
status-draft = مسودة
status-unknown = غير معروف

flash-registered = تم التسجيل.
flash-phone = حُفظ الهاتف.
flash-allergy = حُفظت الحساسية.
flash-vitals = حُفظت العلامات الحيوية.
flash-dose = حُفظت الجرعة.
flash-medicine-status = عُدِّل الدواء.
flash-resumed = لم يُحفظ شيء بعد. راجع ما كتبته ثم احفظه.
flash-not-yours = ما كُتب هنا من قبل يخص شخصًا آخر ولم يُحتفظ به.
flash-resolved = حُسم الأمر. ينتقل القرار إلى كل المراكز.
