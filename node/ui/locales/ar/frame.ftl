# الإطار: القائمة، تسجيل الدخول، الأخطاء، الصفحة الرئيسية.
skip = انتقل إلى المحتوى
menu = القائمة الرئيسية
site = الموقع
comma = ،
required = مطلوب
cancel = إلغاء
save = حفظ
change = تعديل
confirm-yes = نعم
live-updated = حُدِّثت الصفحة للتوّ
nav-home = الرئيسية
nav-patients = المرضى
nav-register = تسجيل مريض
nav-register-short = تسجيل
nav-conflicts = التعارضات
sign-out = تسجيل الخروج
signed-in-as = المستخدم: { $user }
test-data = بيانات تجريبية: لا يوجد هنا أي شخص حقيقي.

login-title = تسجيل الدخول
login-lead = تواصل { $node } العمل مع الإنترنت أو بدونه.
login-submit = دخول
login-wrong = هذا الرمز لا يفتح هذه العقدة. تأكد من نسخه كاملًا.
login-form-old = انتهت صلاحية هذا النموذج. حاول مرة أخرى.
login-kept = انتهت جلستك قبل الحفظ. سجّل الدخول مرة أخرى: ما كتبته ما زال هنا وسيعود إليك.
login-link-used = استُعمل هذا الرابط أو انتهت صلاحيته. سجّل الدخول برمز.
resume-title = سجّلت الدخول من جديد
resume-text = ما كتبته ما زال هنا، ولم يُحفظ منه شيء بعد.
resume-submit = العودة إلى النموذج
own-token-title = رمز الدخول الخاص بك
own-token-text = فتح الرمز الأول هذه العقدة مرة واحدة. احفظ هذا الرمز في مكان آمن وسري: ستسجّل الدخول به من الآن، ولن يُعرض إلا الآن.
own-token-label = رمز الدخول
own-token-continue = حفظته: متابعة
login-locked = { $count ->
    [zero] محاولات كثيرة. حاول مرة أخرى بعد قليل.
    [one] محاولات كثيرة. حاول مرة أخرى بعد دقيقة.
    [two] محاولات كثيرة. حاول مرة أخرى بعد دقيقتين.
    [few] محاولات كثيرة. حاول مرة أخرى بعد { $count } دقائق.
    [many] محاولات كثيرة. حاول مرة أخرى بعد { $count } دقيقة.
   *[other] محاولات كثيرة. حاول مرة أخرى بعد { $count } دقيقة.
}
field-token = رمز الدخول
hint-token = أعطاك إياه المسؤول، ولا يُعرض إلا مرة واحدة.

problems-heading = يرجى تصحيح ما يلي
reason-required = يرجى ملء هذا الحقل.
reason-too-long = هذا النص أطول من المسموح.
reason-in-future = هذا التاريخ في المستقبل.
reason-too-long-ago = مضى على هذا التاريخ أكثر من 140 سنة.
reason-not-a-choice = يرجى اختيار أحد الخيارات.
reason-malformed = لم يُكتب هذا بالشكل المطلوب.
reason-impossible = لا يمكن أن تكون هذه القيمة لإنسان حي. تحقق منها.
reason-not-positive = يجب أن تكون القيمة أكبر من صفر.
reason-inconsistent = هذا لا يتفق مع الحقول الأخرى.
reason-gone = حذف شخص آخر هذا في أثناء ذلك.
reason-duplicate = هذا مسجَّل من قبل.
reason-outdated = كُتب هذا للجرعة القديمة. اكتبه من جديد، أو أفرغه ليُكتب من الأرقام.

error-denied-title = لا يُسمح لك بذلك
error-denied-text = دورك لا يسمح بذلك، أو انتهت صلاحية النموذج. لم يتغير شيء. ارجع وأعد تحميل الصفحة وحاول مجددًا، أو اسأل المسؤول.
error-not-found-title = لا يوجد شيء هنا
error-not-found-text = الصفحة أو السجل غير موجود، أو لم يصل إلى هذه العقدة بعد.
error-invalid-title = تعذّر فهم الطلب
error-invalid-text = لم يتغير شيء. ارجع وصحّح النموذج.
form-saved-otherwise = حُفظت هذه الاستمارة من قبل بمحتوى مختلف. لم يُحفظ شيء الآن. راجع السجل أولًا، فالحفظ مرة أخرى يضيف قيدًا جديدًا.
error-stale-title = سبقك شخص آخر
error-stale-text = تغيّر ما رأيته منذ ذلك الحين. لم يضِع شيء: راجعه مرة أخرى ثم قرّر.
error-disk-full-title = القرص على وشك الامتلاء
error-disk-full-text = لم يُحفظ شيء. القراءة ما زالت تعمل. أبلغ المسؤول أن هذه العقدة تحتاج إلى مساحة.
error-unavailable-title = العقدة مشغولة الآن
error-unavailable-text = لم يتغير شيء. انتظر لحظة ثم حاول مجددًا.
error-internal-title = حدث خطأ هنا
error-internal-text = الخطأ من جهتنا. لم يُحفظ شيء ناقصًا. أعطِ المسؤول هذا المرجع:
error-reference = المرجع
error-code = خطأ { $code }

first-sync = لم تكتمل المزامنة الأولى: { $done } من { $total }
first-sync-text = إلى أن تكتمل قد لا يظهر بعض المرضى في البحث وقد تنقص بعض المدخلات.
first-sync-label = المزامنة الأولى
nag-revoked-title = أُخرجت هذه العقدة من شبكتها
nag-revoked-text = هذا ما أبلغ به { $peer }. ما يُدخَل هنا لا يصل إلى أحد، ولا يصل شيء جديد. وتبقى قراءة كل ما هو محفوظ هنا ممكنة.
nag-root-title = لا توجد نسخة من المفتاح الجذري للشبكة
nag-root-text = إذا فُقد هذا الجهاز فلن تستطيع أي عيادة جديدة الانضمام أبدًا. احفظ الملف المختوم وكلمات الاستعادة في مكانين آمنين.
nag-key-beside-title = المفتاح والبيانات على قرص واحد
nag-key-beside-text = هذا يحمي نُسخ البيانات، لكنه لا يحمي من سرقة الجهاز.
nag-unsealed-title = البيانات غير مختومة
nag-unsealed-text = كل من يملك هذا القرص يستطيع قراءة كل السجلات.
nag-disk-title = القرص على وشك الامتلاء
nag-disk-text = المساحة الحرة { $megabytes } ميغابايت. تُرفض المدخلات الجديدة وتستمر القراءة والإرسال.
nag-clock-title = ساعة هذا الجهاز خاطئة، أو كانت خاطئة
nag-clock-text = هي متأخرة بمقدار { $span } عن أوقات سجّلتها بنفسها. تحقق من التاريخ والوقت قبل الكتابة.
nag-clock-ahead-title = قد تكون ساعة هذا الجهاز خاطئة
nag-clock-ahead-text = هي متقدمة بمقدار { $span } على ساعة { $peer }، وبحسبها وحدها انتهت الأذونات، فلا يُتبادل شيء. تحقق من التاريخ والوقت.
nag-quarantined-title = { $count ->
    [zero] لا توجد سجلات مرفوضة
    [one] سجل واحد وصل ولم يجتز الفحص
    [two] سجلان وصلا ولم يجتازا الفحص
    [few] { $count } سجلات وصلت ولم تجتز الفحص
    [many] { $count } سجلًا وصلت ولم تجتز الفحص
   *[other] { $count } سجل وصلت ولم تجتز الفحص
}
nag-grant-title = إذن هذا المركز بالاستلام ينتهي قريبًا
nag-grant-text = ينتهي خلال { $span }. زامن قبل ذلك مع مركز يدعو غيره، فيتجدد.
nag-grant-over-title = لا يستلم هذا المركز شيئًا جديدًا
nag-grant-over-text = انتهى إذنه. ما يُدخل هنا يُسلَّم كما كان. زامن مع مركز يدعو غيره، فيتجدد. وإن لم يبق أيٌّ منها فملف المفتاح الجذري للشبكة يجعل مركزًا آخر كذلك: chaski issuer add.
nag-awaiting-title = { $count ->
    [zero] لا توجد تغييرات منتظرة
    [one] تغيير واحد وصل وينتظر
    [two] تغييران وصلا وينتظران
    [few] { $count } تغييرات وصلت وتنتظر
    [many] { $count } تغييرًا وصلت وتنتظر
   *[other] { $count } تغيير وصلت وتنتظر
}
nag-awaiting-text = تدخل من تلقاء نفسها حين تعلم هذه العقدة أن كاتبها عضو في الشبكة.
nag-issuer-title = مركز واحد فقط يدعو غيره
nag-issuer-text = هو { $peer }. إن فُقد انتهت أذون الاستلام ابتداءً من { $date }، ولا ينضم مركز جديد. اجعل معه مركزًا آخر.
nag-issuer-here-text = هو هذا المركز. إن فُقد انتهت أذون الاستلام ابتداءً من { $date }، ولا ينضم مركز جديد. اجعل معه مركزًا آخر.
nag-issuer-over-text = هو { $peer }. انتهت أذون استلام منذ { $date }، وهو وحده يجددها. إن فُقد لم ينضم مركز جديد. اجعل معه مركزًا آخر.
nag-issuer-here-over-text = هو هذا المركز. انتهت أذون استلام منذ { $date }، وهو وحده يجددها. إن فُقد لم ينضم مركز جديد. اجعل معه مركزًا آخر.
nag-quarantined-text = وُضعت جانبًا ولا تضر شيئًا، لكن هذه العقدة لا تملك كل شيء بعد.

peers-heading = المراكز الأخرى
peers-none = لم تلتقِ هذه العقدة بعقدة أخرى بعد.
peer-heard = آخر اتصال:
peer-never = لم يحدث اتصال قط
peer-in-sync = متزامن
peer-connected = متصل، غير متزامن
peer-silent = لا يجيب
peer-was-in-sync = كان متزامنًا:
peer-never-in-sync = لم يتزامن قط
peer-revoked = أُخرج من الشبكة
peer-away = غائب
peer-never-met = لم يلتقيا قط
peer-clock-ahead = ساعته متقدمة بمقدار { $span }
peer-clock-behind = ساعته متأخرة بمقدار { $span }
peer-grant-soon = إذنه بالاستلام ينتهي خلال { $span }: عليه أن يتزامن قبل ذلك مع مركز يدعو غيره
peer-grant-soon-here = إذنه بالاستلام ينتهي خلال { $span }: عليه أن يتزامن قبل ذلك مع هذا المركز، فيجدده
peer-grant-over = لا إذن له بالاستلام: لا يُعطى شيئًا حتى يتزامن مع مركز يدعو غيره
peer-grant-over-since = انتهى إذنه: { $date }. لا يُعطى شيئًا حتى يتزامن مع مركز يدعو غيره
peer-grant-over-here = لا إذن له بالاستلام: لا يُعطى شيئًا حتى يتزامن مع هذا المركز، فيجدده
peer-grant-over-since-here = انتهى إذنه: { $date }. لا يُعطى شيئًا حتى يتزامن مع هذا المركز، فيجدده
peer-grant-over-itself = انتهى إذنه: { $date }. لا يُعطى شيئًا حتى يعود، ويجدده حينها بنفسه
peer-own-grant-over = لا إذن لهذا المركز بالاستلام: ذاك لا يعطيه شيئًا
peer-own-grant-over-since = انتهى إذن هذا المركز: { $date }. ذاك لا يعطيه شيئًا
peer-clock-stops = ساعته متقدمة بمقدار { $span }، وبحسبها انتهى إذن هذا المركز فلا يعطي شيئًا. يجب ضبط تاريخه ووقته
peer-own-clock-stops = ساعة هذا الجهاز متقدمة على ساعته بمقدار { $span }، وبحسبها انتهى إذن ذاك المركز فلا يُعطى شيئًا. تحقق من التاريخ والوقت هنا
peer-own-clock-unmet = بحسب ساعة هذا الجهاز، وهي متقدمة على ساعات غيره بمقدار { $span }، انتهى إذنه بالاستلام فلا يُعطى شيئًا. ولا يُعرف هل انتهى حقًا: تحقق من التاريخ والوقت هنا
peer-quarantined = { $count ->
    [zero] لا سجلات مرفوضة
    [one] سجل واحد مرفوض
    [two] سجلان مرفوضان
    [few] { $count } سجلات مرفوضة
    [many] { $count } سجلًا مرفوضًا
   *[other] { $count } سجل مرفوض
}
node-role-clinic = عيادة
node-role-mobile = فريق متنقل
node-role-hub = مركز إقليمي
node-heading = هذا المركز
node-name = الاسم
node-records = السجلات
node-fingerprint = البصمة
node-clock = الساعة
node-zone-unread = بالتوقيت العالمي: تعذّرت قراءة المنطقة الزمنية لهذا الجهاز

role-administrator = مسؤول
role-clinician = ممارس صحي
role-reader = قارئ
role-operator = مشغّل
role-system = النظام

date-day = { $day } { $month } { $year }
date-month = { $month } { $year }
date-at = { $day }، { $time }
date-today = اليوم { $time }
date-unknown = غير معروف
month-1 = يناير
month-2 = فبراير
month-3 = مارس
month-4 = أبريل
month-5 = مايو
month-6 = يونيو
month-7 = يوليو
month-8 = أغسطس
month-9 = سبتمبر
month-10 = أكتوبر
month-11 = نوفمبر
month-12 = ديسمبر
ago-now = الآن
ago-ahead = يسبق هذه الساعة بمقدار { $span }
ago-minutes = { $count ->
    [zero] الآن
    [one] قبل دقيقة
    [two] قبل دقيقتين
    [few] قبل { $count } دقائق
    [many] قبل { $count } دقيقة
   *[other] قبل { $count } دقيقة
}
ago-hours = { $count ->
    [zero] الآن
    [one] قبل ساعة
    [two] قبل ساعتين
    [few] قبل { $count } ساعات
    [many] قبل { $count } ساعة
   *[other] قبل { $count } ساعة
}
ago-days = { $count ->
    [zero] اليوم
    [one] قبل يوم
    [two] قبل يومين
    [few] قبل { $count } أيام
    [many] قبل { $count } يومًا
   *[other] قبل { $count } يوم
}
span-minutes = { $count ->
    [zero] أقل من دقيقة
    [one] دقيقة واحدة
    [two] دقيقتين
    [few] { $count } دقائق
    [many] { $count } دقيقة
   *[other] { $count } دقيقة
}
span-hours = { $count ->
    [zero] أقل من ساعة
    [one] ساعة واحدة
    [two] ساعتين
    [few] { $count } ساعات
    [many] { $count } ساعة
   *[other] { $count } ساعة
}
span-days = { $count ->
    [zero] أقل من يوم
    [one] يوم واحد
    [two] يومين
    [few] { $count } أيام
    [many] { $count } يومًا
   *[other] { $count } يوم
}

unlock-title = هذه العقدة مقفلة
unlock-lead = بعد التشغيل تبقى السجلات مختومة إلى أن يفتحها من يعرف عبارة المرور.
unlock-field = عبارة المرور أو كلمات الاستعادة
unlock-submit = فتح القفل
unlock-wrong = لم يُفتح القفل. انتبه إلى الحروف الكبيرة والمسافات.
unlock-wait = { $count ->
    [zero] محاولات كثيرة. انتظر لحظة.
    [one] محاولات كثيرة. انتظر ثانية واحدة.
    [two] محاولات كثيرة. انتظر ثانيتين.
    [few] محاولات كثيرة. انتظر { $count } ثوانٍ.
    [many] محاولات كثيرة. انتظر { $count } ثانية.
   *[other] محاولات كثيرة. انتظر { $count } ثانية.
}
unlock-failed = تعذّر فتح المخزن. اطلب من المسؤول تشغيل «chaski doctor».
unlock-done-title = فُتح القفل
unlock-done-text = العقدة قيد التشغيل.
unlock-continue = متابعة
