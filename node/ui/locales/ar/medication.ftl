# Medicines: doses, timings, statuses.
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
field-dose_value = المقدار في كل مرة
field-dose_unit = الوحدة
hint-dose_unit = مثل mg أو قرص أو ml
field-times_per_day = عدد المرات
unit-times-a-day = مرات في اليوم
field-dose_text = التعليمات
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
status-active = سارٍ
status-on-hold = موقوف مؤقتًا
status-cancelled = ملغى
status-completed = مكتمل
status-entered-in-error = أُدخل خطأً
status-stopped = موقوف
status-draft = مسودة
status-unknown = غير معروف
flash-dose = حُفظت الجرعة.
flash-medicine-status = عُدِّل الدواء.
