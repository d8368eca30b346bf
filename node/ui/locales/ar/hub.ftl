# من لم يُزامن: حال كل مركز آخر.
hub-title = حال المراكز
hub-lead = ما يعرفه هذا المركز عن غيره: متى سُمع منه آخر مرة، وما قد ينقصه، وما ينتظر عنده.
hub-open = حال جميع المراكز
hub-stale-heading = { $form ->
    [zero] لم تتزامن اليوم
    [one] لم تتزامن منذ يوم
    [two] لم تتزامن منذ يومين
    [few] لم تتزامن منذ { $count } أيام
    [many] لم تتزامن منذ { $count } يومًا
   *[other] لم تتزامن منذ { $count } يوم
}
hub-others-heading = المراكز الباقية
hub-never-heading = انضمت ولم تتزامن بعد
hub-well = { $form ->
    [zero] تزامنت كل المراكز اليوم.
    [one] تزامنت كل المراكز خلال يوم.
    [two] تزامنت كل المراكز خلال يومين.
    [few] تزامنت كل المراكز خلال { $count } أيام.
    [many] تزامنت كل المراكز خلال { $count } يومًا.
   *[other] تزامنت كل المراكز خلال { $count } يوم.
}
hub-well-met = { $form ->
    [zero] تزامنت اليوم كل المراكز التي يلتقي بها هذا المركز مباشرة.
    [one] تزامنت خلال يوم كل المراكز التي يلتقي بها هذا المركز مباشرة.
    [two] تزامنت خلال يومين كل المراكز التي يلتقي بها هذا المركز مباشرة.
    [few] تزامنت خلال { $count } أيام كل المراكز التي يلتقي بها هذا المركز مباشرة.
    [many] تزامنت خلال { $count } يومًا كل المراكز التي يلتقي بها هذا المركز مباشرة.
   *[other] تزامنت خلال { $count } يوم كل المراكز التي يلتقي بها هذا المركز مباشرة.
}
hub-heard = آخر اتصال
hub-in-sync = آخر تزامن
hub-in-sync-now = الآن
hub-never = لم يحدث قط
hub-unknown = غير معروف
hub-backlog = لم يصل إليه بعد
hub-backlog-none = لا شيء
hub-backlog-revoked = لم يعد يُرسل إليه شيء
hub-backlog-most = { $form ->
    [zero] لا شيء
    [one] تغيير واحد على الأكثر
    [two] تغييران على الأكثر
    [few] { $count } تغييرات على الأكثر
    [many] { $count } تغييرًا على الأكثر
   *[other] { $count } تغيير على الأكثر
}
hub-waiting = ينتظر قرارًا
hub-waiting-none = لا شيء
hub-as-of = كما أبلغ
hub-as-met = عند آخر مقارنة
hub-conflicts = { $form ->
    [zero] لا تعارضات عنده
    [one] تعارض واحد عنده
    [two] تعارضان عنده
    [few] { $count } تعارضات عنده
    [many] { $count } تعارضًا عنده
   *[other] { $count } تعارض عنده
}
hub-quarantined = { $form ->
    [zero] لا تغييرات مرفوضة عنده
    [one] تغيير واحد مرفوض عنده
    [two] تغييران مرفوضان عنده
    [few] { $count } تغييرات مرفوضة عنده
    [many] { $count } تغييرًا مرفوضًا عنده
   *[other] { $count } تغيير مرفوض عنده
}
hub-awaiting = { $form ->
    [zero] لا تغييرات منتظرة عنده
    [one] تغيير واحد ينتظر عنده معرفة كاتبه
    [two] تغييران ينتظران عنده معرفة كاتبهما
    [few] { $count } تغييرات تنتظر عنده معرفة كاتبها
    [many] { $count } تغييرًا تنتظر عنده معرفة كاتبها
   *[other] { $count } تغيير تنتظر عنده معرفة كاتبها
}
hub-quarantined-here = { $form ->
    [zero] لا تغييرات منه مرفوضة هنا
    [one] تغيير واحد منه مرفوض هنا
    [two] تغييران منه مرفوضان هنا
    [few] { $count } تغييرات منه مرفوضة هنا
    [many] { $count } تغييرًا منه مرفوضًا هنا
   *[other] { $count } تغيير منه مرفوض هنا
}
hub-version = الإصدار
hub-clock-right = صحيحة
hub-clock-ahead = متقدمة بمقدار { $span }
hub-clock-behind = متأخرة بمقدار { $span }
hub-clock-ahead-here = متقدمة على ساعة هذا الجهاز بمقدار { $span }
hub-clock-behind-here = متأخرة عن ساعة هذا الجهاز بمقدار { $span }
hub-disk = المساحة الحرة
hub-disk-full = القرص ممتلئ: لا يستقبل سجلات جديدة
hub-bytes = البيانات
hub-records = { $form ->
    [zero] لا سجلات عنده
    [one] سجل واحد عنده
    [two] سجلان عنده
    [few] { $count } سجلات عنده
    [many] { $count } سجلًا عنده
   *[other] { $count } سجل عنده
}
hub-addresses = يُبحث عنه في:
hub-joined = انضم:
hub-open-stale = { $form ->
    [zero] لا متأخر منها عن التزامن
    [one] واحد منها لم يتزامن منذ مدة طويلة
    [two] اثنان منها لم يتزامنا منذ مدة طويلة
    [few] { $count } منها لم تتزامن منذ مدة طويلة
    [many] { $count } منها لم تتزامن منذ مدة طويلة
   *[other] { $count } منها لم تتزامن منذ مدة طويلة
}
hub-by-way-heading = عن طريق مركز آخر
hub-by-way = لا يلتقي بها هذا المركز مباشرة: تصل سجلاتها عن طريق { $peer }.
hub-by-way-late = لا يلتقي بها هذا المركز مباشرة: تصل سجلاتها عن طريق { $peer }، وهذا لم يتزامن منذ مدة طويلة. لا يُعرف حالها حتى يتزامن.
address-told = أبلغ به بنفسه
address-through = نقله { $peer }
address-joined = انضم هذا المركز هناك
address-configured = مضبوط في هذا المركز
address-asked = طُلب من هنا
address-mdns = سُمع على الشبكة المحلية
address-met = اتصل من هناك
address-reached = تم الوصول إليه هناك سابقًا
hub-sent = أُرسل:
hub-received = استُلم:
size-b = { $amount } بايت
size-kb = { $amount } كيلوبايت
size-mb = { $amount } ميغابايت
size-gb = { $amount } غيغابايت
size-tb = { $amount } تيرابايت

site-reason-revoked = أُخرج من الشبكة.
site-reason-revoked-here = يقول إن هذا المركز أُخرج من الشبكة: لم يعد يُتبادل شيء.
site-reason-never-met = انضم إلى الشبكة، ولم يلتقِ به هذا المركز قط.
site-reason-clock = الأوقات المسجّلة عنه تسبق ساعة هذا الجهاز: كانت إحدى الساعتين خاطئة.
site-reason-disk-full = قرصه ممتلئ: لا يستقبل شيئًا.
site-reason-quarantined-here = رُفضت هنا تغييرات وصلت منه، وهي تنتظر قرارًا.
site-reason-quarantined = رُفضت عنده تغييرات، وهي تنتظر قرارًا.
site-reason-awaiting = تنتظر عنده تغييرات معرفة كاتبها.
site-reason-not-heard = لا يُسمع منه شيء. هل يعمل، وهل له اتصال؟
site-reason-at-work = هو متصل، ولم ينته التبادل بعد.
